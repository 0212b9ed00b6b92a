//! TLS on a socket: rustls' record layer driven over our own buffers.
//!
//! Invariants: records are decrypted in the buffer they arrived in and appended to the caller's;
//! a stream ends only with the peer's close notice, an end without one is an error, so a body that
//! runs to the end of the stream cannot be cut short unnoticed; bytes that were decrypted while
//! writing wait for the next read. An abandoned read or write closes, as everywhere.
//! Left out on purpose: early data, client certificates, renegotiation, any protocol but HTTP/1.1
//! in the negotiation.

use std::io;
use std::rc::Rc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncryptError, UnbufferedStatus};

use super::buffer::{Appetite, Buffer, Pool};
use super::link::{Link, Peek};

/// Plaintext that becomes one burst of records: what is encrypted before it is sent.
const BURST: usize = 32 << 10;

/// Most that encryption adds to one record, of any cipher suite, with room to spare.
const RECORD_OVERHEAD: usize = 64;

/// Plaintext of one full record.
const RECORD: usize = 16 << 10;

/// Ciphertext that a look for a vanished peer may pile up.
const PEEK_BOUND: usize = 64 << 10;

/// One connection's TLS state.
pub struct Session {
    side: Side,
    /// Ciphertext that is not yet a whole record.
    incoming: Buffer,
    /// Ciphertext to be sent.
    outgoing: Buffer,
    /// Plaintext that arrived while something else was wanted.
    early: Buffer,
    appetite: Appetite,
    peer_closed: bool,
}

/// A session without a core: what it has received and not given away yet goes with it.
pub(super) struct Packed {
    side: Side,
    incoming: Vec<u8>,
    early: Vec<u8>,
    peer_closed: bool,
}

impl Packed {
    pub(super) fn unpack(self, pool: &Rc<Pool>) -> Box<Session> {
        let mut session = Session::new(self.side, pool);
        session.incoming.extend(&self.incoming);
        session.early.extend(&self.early);
        session.peer_closed = self.peer_closed;
        session
    }
}

enum Side {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What the record layer is asked for, once it can.
#[derive(Clone, Copy)]
enum Work<'a> {
    Nothing,
    Encrypt(&'a [u8]),
    CloseNotice,
}

/// What one turn of the record layer came to.
enum Turn {
    /// Take another turn.
    Again,
    /// Send `outgoing` before the next turn.
    Flush,
    /// The work is done; nothing is left to decrypt.
    Done,
    /// The handshake wants bytes from the peer.
    Blocked,
}

impl Session {
    pub(super) fn client(connection: UnbufferedClientConnection, pool: &Rc<Pool>) -> Box<Self> {
        Self::new(Side::Client(connection), pool)
    }

    pub(super) fn server(connection: UnbufferedServerConnection, pool: &Rc<Pool>) -> Box<Self> {
        Self::new(Side::Server(connection), pool)
    }

    fn new(side: Side, pool: &Rc<Pool>) -> Box<Self> {
        Box::new(Self {
            side,
            incoming: pool.buffer(),
            outgoing: pool.buffer(),
            early: pool.buffer(),
            appetite: Appetite::default(),
            peer_closed: false,
        })
    }

    /// Takes the session off its core, when nothing is left to be sent.
    pub(super) fn pack(self: Box<Self>) -> Box<Packed> {
        let Self { side, incoming, early, peer_closed, .. } = *self;
        let (incoming, early) = (incoming.filled().to_vec(), early.filled().to_vec());
        Box::new(Packed { side, incoming, early, peer_closed })
    }

    /// Runs until application bytes may flow. *abandon closes*
    pub(super) async fn handshake(&mut self, link: &mut Link) -> io::Result<()> {
        loop {
            match self.turn(Work::Nothing) {
                Ok(Turn::Again) => {}
                Ok(Turn::Flush) => self.flush(link).await?,
                Ok(Turn::Done) => return self.flush(link).await,
                Ok(Turn::Blocked) => self.fill(link).await?,
                Err(fault) => {
                    self.send_alert(link).await;
                    return Err(fault);
                }
            }
        }
    }

    /// Appends the next decrypted bytes; 0 after the close notice. *abandon closes*
    pub(super) async fn read(&mut self, link: &mut Link, plain: &mut Buffer) -> io::Result<usize> {
        loop {
            while let turn @ (Turn::Again | Turn::Flush) = self.turn(Work::Nothing)? {
                if matches!(turn, Turn::Flush) {
                    self.flush(link).await?;
                }
            }
            let count = self.early.len();
            if count > 0 {
                plain.extend_or_swap(&mut self.early);
                return Ok(count);
            }
            if self.peer_closed {
                return Ok(0);
            }
            self.fill(link).await?;
        }
    }

    /// Encrypts and writes both, in bursts. *abandon closes*
    pub(super) async fn write_both(
        &mut self,
        link: &mut Link,
        head: &[u8],
        body: &[u8],
    ) -> io::Result<()> {
        for burst in head.chunks(BURST) {
            self.encrypt(link, Work::Encrypt(burst)).await?;
        }
        for burst in body.chunks(BURST) {
            if self.outgoing.len() + burst.len() > BURST {
                self.flush(link).await?;
            }
            self.encrypt(link, Work::Encrypt(burst)).await?;
        }
        self.flush(link).await
    }

    /// Tells the peer that nothing more will come. *abandon closes*
    pub(super) async fn close_notify(&mut self, link: &mut Link) -> io::Result<()> {
        self.encrypt(link, Work::CloseNotice).await?;
        self.flush(link).await
    }

    /// Whether the peer closed: needs a look inside, because its close notice is readable bytes.
    pub(super) fn peer_gone(&mut self, link: &Link) -> bool {
        match link.peek() {
            Peek::Gone => true,
            Peek::Quiet => self.peer_closed,
            Peek::Bytes if self.incoming.len() + self.early.len() >= PEEK_BOUND => false,
            Peek::Bytes => {
                let mut room = [0; 1024];
                if let Ok(count) = link.receive_now(&mut room) {
                    self.incoming.extend(&room[..count]);
                }
                while matches!(self.turn(Work::Nothing), Ok(Turn::Again)) {}
                self.peer_closed
            }
        }
    }

    /// Whether nothing that the peer sent waits here, not even a part of a record.
    pub(super) fn is_quiet(&self) -> bool {
        self.incoming.is_empty() && self.early.is_empty() && !self.peer_closed
    }

    async fn encrypt(&mut self, link: &mut Link, work: Work<'_>) -> io::Result<()> {
        loop {
            match self.turn(work)? {
                Turn::Again => {}
                Turn::Flush => self.flush(link).await?,
                Turn::Done => return Ok(()),
                Turn::Blocked => return Err(io::ErrorKind::NotConnected.into()),
            }
        }
    }

    async fn flush(&mut self, link: &mut Link) -> io::Result<()> {
        link.write_both(self.outgoing.filled(), &[]).await?;
        self.outgoing.release();
        Ok(())
    }

    /// Receives more ciphertext; its end is an error here, because no close notice came before.
    async fn fill(&mut self, link: &mut Link) -> io::Result<()> {
        self.incoming.make_room(self.appetite.bytes());
        let room = self.incoming.room();
        let count = link.read(&mut self.incoming).await?;
        self.appetite.fed(count, count == room);
        if count > 0 {
            return Ok(());
        }
        let message = "the TLS stream was cut off without a close notice";
        Err(io::Error::new(io::ErrorKind::UnexpectedEof, message))
    }

    /// The alert that explains a failed handshake, as far as the peer still listens.
    async fn send_alert(&mut self, link: &mut Link) {
        if matches!(self.turn(Work::Nothing), Ok(Turn::Again)) {
            let _ = self.flush(link).await;
        }
    }

    fn turn(&mut self, work: Work<'_>) -> io::Result<Turn> {
        let Self { side, incoming, outgoing, early, peer_closed, .. } = self;
        let (discard, turn) = match side {
            Side::Client(connection) => {
                let status = connection.process_tls_records(incoming.filled_mut());
                take(status, work, outgoing, early, peer_closed)
            }
            Side::Server(connection) => {
                let status = connection.process_tls_records(incoming.filled_mut());
                take(status, work, outgoing, early, peer_closed)
            }
        };
        incoming.consume(discard);
        if incoming.is_empty() {
            incoming.release();
        }
        turn
    }
}

/// Does what the record layer asks for; returns how much ciphertext it is done with.
fn take<Side>(
    status: UnbufferedStatus<'_, '_, Side>,
    work: Work<'_>,
    outgoing: &mut Buffer,
    plain: &mut Buffer,
    peer_closed: &mut bool,
) -> (usize, io::Result<Turn>) {
    let mut discard = status.discard;
    let turn = match status.state {
        Err(fault) => Err(io::Error::new(io::ErrorKind::InvalidData, fault)),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            while let Some(Ok(record)) = traffic.next_record() {
                discard += record.discard;
                plain.extend(record.payload);
            }
            Ok(Turn::Again)
        }
        Ok(ConnectionState::EncodeTlsData(mut message)) => {
            append(outgoing, 0, |room| match message.encode(room) {
                Err(EncodeError::InsufficientSize(size)) => Err(Some(size.required_size)),
                other => other.map_err(|_| None),
            })
            .map(|()| Turn::Again)
        }
        Ok(ConnectionState::TransmitTlsData(transmit)) => {
            transmit.done();
            Ok(Turn::Flush)
        }
        Ok(ConnectionState::PeerClosed) => {
            *peer_closed = true;
            Ok(Turn::Again)
        }
        Ok(ConnectionState::Closed) => Ok(Turn::Done),
        Ok(ConnectionState::BlockedHandshake) => Ok(Turn::Blocked),
        Ok(ConnectionState::WriteTraffic(mut traffic)) => match work {
            Work::Nothing => Ok(Turn::Done),
            Work::Encrypt(bytes) => {
                let records = bytes.len() / RECORD + 1;
                let estimate = bytes.len() + records * RECORD_OVERHEAD;
                append(outgoing, estimate, |room| traffic.encrypt(bytes, room).map_err(wanted))
                    .map(|()| Turn::Done)
            }
            Work::CloseNotice => {
                let room = RECORD_OVERHEAD;
                append(outgoing, room, |room| traffic.queue_close_notify(room).map_err(wanted))
                    .map(|()| Turn::Done)
            }
        },
        Ok(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "unexpected TLS early data")),
    };
    (discard, turn)
}

/// The room that encryption asked for, or `None` if no room would help.
fn wanted(fault: EncryptError) -> Option<usize> {
    match fault {
        EncryptError::InsufficientSize(size) => Some(size.required_size),
        EncryptError::EncryptExhausted => None,
    }
}

/// Lets `encode` write behind what is filled, with more room if it asks for it.
fn append(
    outgoing: &mut Buffer,
    estimate: usize,
    mut encode: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> io::Result<()> {
    let mut room = estimate;
    loop {
        outgoing.make_room(room);
        let bytes = outgoing.tail();
        let filled = bytes.len();
        bytes.resize(filled + room, 0);
        let outcome = encode(&mut bytes[filled..]);
        bytes.truncate(filled + *outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(_) => return Ok(()),
            Err(Some(wanted)) if wanted > room => room = wanted,
            Err(_) => return Err(io::Error::other("the TLS keys are used up")),
        }
    }
}
