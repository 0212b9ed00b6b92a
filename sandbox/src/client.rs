//! One accepted connection, seen as bytes: reading ahead, waiting, writing, going away.
//!
//! Invariants: while the sandbox waits or is stuck in a write it also reads, so a client that
//! leaves is noticed at once; what it sends meanwhile is kept for the next request. A client that
//! only closes its sending side counts as gone, as it does for most servers.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::ReadHalf;
use tokio::time::{Instant, sleep_until};

/// Bytes asked of the kernel at once: for a head, and while there is always more to come.
const READ_BYTES: usize = 16 * 1024;
const READ_BYTES_MORE: usize = 128 * 1024;
/// Bytes read ahead of the request that is being answered; more are left in the kernel.
const AHEAD_MAX: usize = 1024 * 1024;

/// Why an answer stops before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The client went away.
    Gone,
    /// A fault wants the connection closed.
    Close,
    /// A fault wants the connection reset.
    Reset,
}

/// One accepted connection.
#[derive(Debug)]
pub(crate) struct Client {
    stream: TcpStream,
    /// Bytes received and not used yet.
    pub(crate) inbound: Vec<u8>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        // Without this, small events wait for each other's acknowledgement.
        let _ = stream.set_nodelay(true);
        Self { stream, inbound: Vec::with_capacity(READ_BYTES) }
    }

    /// Reads more into `inbound`; 0 at the end of the stream.
    pub(crate) async fn fill(&mut self) -> io::Result<usize> {
        self.inbound.reserve(READ_BYTES);
        self.stream.read_buf(&mut self.inbound).await
    }

    /// The same for the body of a request, which may be long.
    pub(crate) async fn fill_more(&mut self) -> io::Result<usize> {
        self.inbound.reserve(READ_BYTES_MORE);
        self.stream.read_buf(&mut self.inbound).await
    }

    /// Waits until something can be read, or until the client is gone, and reads nothing.
    pub(crate) async fn readable(&self) {
        let _ = self.stream.readable().await;
    }

    /// Waits until `due`, unless the client goes away.
    pub(crate) async fn wait_until(&mut self, due: Instant) -> Result<(), Stop> {
        if due <= Instant::now() {
            return Ok(());
        }
        let (mut read, _) = self.stream.split();
        tokio::select! {
            () = sleep_until(due) => Ok(()),
            () = gone(&mut read, &mut self.inbound) => Err(Stop::Gone),
        }
    }

    /// Waits so many milliseconds, unless the client goes away.
    pub(crate) async fn wait_ms(&mut self, ms: u64) -> Result<(), Stop> {
        if ms == 0 {
            return Ok(());
        }
        self.wait_until(Instant::now() + Duration::from_millis(ms)).await
    }

    /// Writes all of `bytes`, unless the client goes away.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let (mut read, mut write) = self.stream.split();
        tokio::select! {
            biased;
            sent = write.write_all(bytes) => sent.map_err(|_| Stop::Gone),
            () = gone(&mut read, &mut self.inbound) => Err(Stop::Gone),
        }
    }

    /// Writes every byte by itself.
    pub(crate) async fn send_each_byte(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for byte in bytes {
            self.send(std::slice::from_ref(byte)).await?;
            // Lets a reader on the same machine run in between.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Ends the connection with a reset instead of a close.
    pub(crate) fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }

    /// Closes in order: what was sent arrives, even if the client still sends.
    pub(crate) async fn close(mut self) {
        let _ = self.stream.shutdown().await;
        // Unread bytes would turn the close into a reset: read a while, but not for ever.
        let until = Instant::now() + Duration::from_millis(200);
        self.inbound.clear();
        let _ = self.wait_until(until).await;
    }
}

/// Ends when the client does; what it sends is kept.
async fn gone(read: &mut ReadHalf<'_>, inbound: &mut Vec<u8>) {
    while inbound.len() < AHEAD_MAX {
        inbound.reserve(READ_BYTES);
        match read.read_buf(inbound).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    std::future::pending::<()>().await;
}
