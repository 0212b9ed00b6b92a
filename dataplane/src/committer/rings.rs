//! The journal thread's ends of the cores' rings.
//!
//! Invariant: what a core was told of the journal (its marks, whether it takes records) is true.

use std::sync::Arc;
use std::sync::mpsc::Sender;

use channel::{Consumer, Doorbell};
use ledger::spool::Spool;

use crate::local::records::{Durable, Entry};
use crate::messages::ToUplink;

/// A batch takes up to so many bytes of one ring.
const RING_BYTES_MAX: usize = 4 << 20;

/// One core's ring and what the core is told through.
pub struct CoreRing {
    /// Where its records arrive.
    pub consumer: Consumer<Entry>,
    /// Where it reads how far they are on disk.
    pub durable: Arc<Durable>,
    /// What wakes it.
    pub doorbell: Doorbell,
}

/// Every core's ring, in the order of the cores.
pub struct Rings(pub Vec<CoreRing>);

impl Rings {
    /// Moves what is there into the batch that is being filled, and the rest to the uplink.
    pub fn drain(&mut self, spool: &mut Spool, uplink: &Sender<ToUplink>) {
        for (number, ring) in (spool.first_ring()..).zip(&mut self.0) {
            ring.drain(number, spool, uplink);
        }
    }

    /// Tells every core how far it is on disk, and wakes those that wait for it.
    pub fn publish_marks(&self, spool: &Spool) {
        for (number, ring) in (spool.first_ring()..).zip(&self.0) {
            if ring.durable.publish(spool.end(number)) {
                ring.doorbell.ring();
            }
        }
    }

    /// Whether any core waits for the disk.
    pub fn is_awaited(&self) -> bool {
        self.0.iter().any(|ring| ring.durable.is_awaited())
    }

    /// Tells every core whether the journal takes records.
    pub fn set_sound(&self, is_sound: bool) {
        self.0.iter().for_each(|ring| ring.durable.set_sound(is_sound));
    }

    /// Wakes every core.
    pub fn ring_all(&self) {
        self.0.iter().for_each(|ring| ring.doorbell.ring());
    }
}

impl CoreRing {
    fn drain(&mut self, number: u16, spool: &mut Spool, uplink: &Sender<ToUplink>) {
        let Some(mut pour) = spool.ring(number) else { return };
        while pour.bytes() < RING_BYTES_MAX {
            let taken = self.consumer.pop_with(|entry| match entry {
                Entry::Records(page) => pour.page(page),
                // An uplink that is gone lends nothing; the request's wait ends by itself.
                Entry::Need(purse, amount) => {
                    let _ = uplink.send(ToUplink::Need(*purse, *amount));
                }
                Entry::Usage(rows, below) => {
                    let rows = std::mem::take(rows);
                    let _ = uplink.send(ToUplink::Usage(rows, (number, *below)));
                }
            });
            if taken.is_none() {
                break;
            }
        }
        pour.finish();
    }
}
