//! How guests are told apart who have no key: by where they come from, in a table that never grows.
//!
//! An IPv4 address, or the first 64 bits of an IPv6 address, has a slot that a secret hash of it
//! points to; the slot keeps its pace. Two that share a slot share its limit, so the table errs on
//! the side of refusing: no prefix ever gets one request too many, however many there are. Who
//! knows the program cannot choose whom to share with, as the hash is drawn at each start.
//! Left out on purpose: forwarded addresses, which anyone can write.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use ledger::cell::Pace;

/// Slots of the table: a power of two.
const SLOTS: usize = 1 << 14;

/// The pace of every guest, shared by all cores.
pub struct Guests {
    paces: Box<[Pace]>,
    hash: RandomState,
}

impl Guests {
    /// A table in which nobody has sent anything.
    pub fn new() -> Self {
        let paces = (0..SLOTS).map(|_| Pace::default()).collect();
        Self { paces, hash: RandomState::new() }
    }

    /// The pace of whoever comes from an address; all of unknown origin have one together.
    pub fn pace(&self, address: Option<IpAddr>) -> &Pace {
        let drawn = self.hash.hash_one(address.map(prefix));
        &self.paces[drawn as usize % SLOTS]
    }
}

/// What is taken for one guest: an IPv4 address, or an IPv6 network.
fn prefix(address: IpAddr) -> (bool, u64) {
    match address.to_canonical() {
        IpAddr::V4(address) => (false, u64::from(address.to_bits())),
        IpAddr::V6(address) => (true, (address.to_bits() >> 64) as u64),
    }
}

#[cfg(test)]
mod tests {
    use ledger::cell::PaceLimits;

    use super::*;

    fn of(text: &str) -> (bool, u64) {
        prefix(text.parse().unwrap())
    }

    #[test]
    fn a_guest_is_an_address_or_a_network_of_the_sixth_kind() {
        assert_eq!(of("192.0.2.7"), of("::ffff:192.0.2.7"));
        assert_ne!(of("192.0.2.7"), of("192.0.2.8"));
        assert_eq!(of("2001:db8:1:2::9"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::9"), of("2001:db8:1:3::9"));
        assert_ne!(of("0.0.0.1"), of("0:0:0:1::"), "the kinds are kept apart");
    }

    #[test]
    fn no_guest_gets_more_than_the_limit_however_many_there_are() {
        let (guests, now_us) = (Guests::new(), 1_800_000_000_000_000);
        let limits = PaceLimits { rpm: Some(2), rpd: Some(3), ..PaceLimits::default() };
        let guest = |number: u32| Some(IpAddr::from(number.to_be_bytes()));
        let ask = |address| guests.pace(address).request(&limits, 9, now_us).1.is_ok();
        let mut passed = 0;
        for number in 0..50_000 {
            let own = (0..3).filter(|_| ask(guest(number))).count();
            assert!(own <= 2);
            passed += own;
        }
        assert!((SLOTS..=SLOTS * 2).contains(&passed), "{passed} of {SLOTS} slots");
        let unknown = (0..3).filter(|_| ask(None)).count();
        assert!(unknown <= 2);
    }
}
