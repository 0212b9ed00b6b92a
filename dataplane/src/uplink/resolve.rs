//! The resolver thread: names become addresses here, where waiting hurts nobody.
//!
//! Invariants: a provider that may not be private never resolves to a private address; names are
//! looked up again on a timer, and a failed look-up keeps what was known.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use catalog::is_private_address;

use crate::messages::{Name, Resolved, ToUplink};

/// How long an answer is used before it is asked for again.
const AGAIN: Duration = Duration::from_secs(30);

/// The names that are needed from now on.
pub type Order = Vec<Name>;

/// Runs until the uplink is gone.
pub fn run(orders: &Receiver<Order>, uplink: &Sender<ToUplink>) {
    let mut names = Order::new();
    let mut known = Resolved::new();
    loop {
        match orders.recv_timeout(AGAIN) {
            Ok(order) => names = order,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let before = known.clone();
        known.retain(|name, _| names.contains(name));
        for name in &names {
            if let Some(addresses) = look_up(name) {
                known.insert(name.clone(), addresses);
            }
        }
        if known != before && uplink.send(ToUplink::Resolved(known.clone())).is_err() {
            return;
        }
    }
}

fn look_up(name: &Name) -> Option<Vec<SocketAddr>> {
    let found = (&*name.host, name.port).to_socket_addrs().ok()?;
    let may_use = |address: &SocketAddr| name.allow_private || !is_private_address(address.ip());
    let mut addresses: Vec<SocketAddr> = found.filter(may_use).collect();
    // In a fixed order, so that an unchanged answer is not taken for a change.
    addresses.sort_unstable();
    addresses.dedup();
    (!addresses.is_empty()).then_some(addresses)
}
