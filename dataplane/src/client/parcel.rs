//! A client on its way to another core, with the request that takes it there.
//!
//! Invariants: it goes between an answer and the next request's body, so nothing is to be sent and
//! the request is still whole in what came in; the other core reads its head again.

use std::io;
use std::rc::Rc;

use super::Client;
use crate::net::buffer::Pool;
use crate::net::deadline::Deadlines;
use crate::net::passage::Detached;
use crate::net::socket::Socket;

/// A client that belongs to no core.
pub struct Parcel {
    socket: Detached,
    input: Vec<u8>,
}

impl Client {
    /// Takes the client off this core.
    ///
    /// # Errors
    /// The kernel gives no descriptor for the way: the client stays.
    pub fn pack(self) -> Result<Parcel, Box<Self>> {
        let Ok(twin) = self.socket.twin() else { return Err(Box::new(self)) };
        let Self { socket, input, .. } = self;
        Ok(Parcel { input: input.filled().to_vec(), socket: socket.detach(twin) })
    }
}

impl Parcel {
    /// Takes the client onto this core.
    ///
    /// # Errors
    /// The runtime does not take the descriptor; the connection is closed.
    pub fn unpack(self, pool: &Rc<Pool>, deadlines: &Rc<Deadlines>) -> io::Result<Client> {
        let socket = Socket::attach(self.socket, pool, deadlines)?;
        let mut client = Client::new(socket, pool);
        client.input.extend(&self.input);
        Ok(client)
    }
}
