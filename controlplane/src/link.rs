//! The link's end here: data planes dial a Unix socket, and each connection is one link.
//!
//! Invariants: the ledger thread never waits for a peer: what it says is queued, and a peer that
//! does not keep up, or is silent for long, loses its link; a peer's own messages wait in the
//! socket while too many of them are not yet looked at. Who may connect is the socket file's mode.
//! Left out on purpose: what messages mean, and TLS over networks.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as queue};
use std::time::Duration;

use link::frame::{self, LENGTH_BYTES, Message};
use link::{LinkDown, Outbox, ToControl, ToData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use crate::books::Input;

/// A data plane reports twice a second; one that is silent for so long is gone.
const SILENCE: Duration = Duration::from_secs(5);
/// A peer that takes nothing for so long is gone.
const STALL: Duration = Duration::from_secs(5);
/// Messages that wait for one peer.
const QUEUED_MAX: usize = 1 << 16;
/// Bytes of one peer's messages that the ledger has not looked at yet.
const UNHEARD_BYTES_MAX: usize = 32 << 20;
/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;
/// A listener that cannot accept waits before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket at a path that does not listen yet.
pub(crate) struct LinkSocket(UnixSocket);

impl LinkSocket {
    /// Binds a path. A socket that a dead process left there is replaced, and nothing else is.
    /// Nobody can connect before the file's mode is set, as the socket does not listen before.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        match fs::symlink_metadata(path) {
            Ok(found) if found.file_type().is_socket() => remove_dead(path)?,
            Ok(_) => return Err(io::Error::other("there is a file, and it is not a socket")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let socket = UnixSocket::new_stream()?;
        socket.bind(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
        Ok(Self(socket))
    }

    /// Begins to listen. To be called within the runtime.
    pub(crate) fn listen(self) -> io::Result<UnixListener> {
        self.0.listen(BACKLOG)
    }
}

/// Serves data planes until the runtime ends.
pub(crate) async fn serve(
    listener: UnixListener,
    links: Arc<AtomicU64>,
    inputs: queue::Sender<Input>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let link = links.fetch_add(1, Ordering::Relaxed) + 1;
                tokio::spawn(attend(link, stream, inputs.clone()));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Removes a socket that nobody answers on.
fn remove_dead(path: &Path) -> io::Result<()> {
    match StdStream::connect(path) {
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) => Err(error),
    }
}

/// Serves one link until either side has enough of it.
async fn attend(link: u64, stream: UnixStream, inputs: queue::Sender<Input>) {
    let (reader, writer) = stream.into_split();
    let (sender, messages) = mpsc::channel(QUEUED_MAX);
    let outbox = Outbox::new(move |message| sender.try_send(message).map_err(|_| LinkDown));
    if inputs.send(Input::Attached { link, outbox }).is_err() {
        return;
    }
    let mut hearing = pin!(hear(link, reader, &inputs));
    let ended = tokio::select! {
        ended = &mut hearing => ended,
        ended = say(writer, messages) => match ended {
            // It has closed its end: what it said before still counts.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => hearing.await,
            ended => ended,
        },
    };
    if let Err(error) = ended {
        notice::warn!("link {link} is down: {error}");
    }
    // A ledger that has ended has no links.
    let _ = inputs.send(Input::Detached { link });
}

async fn hear(
    link: u64,
    mut reader: OwnedReadHalf,
    inputs: &queue::Sender<Input>,
) -> io::Result<()> {
    let unheard = Arc::new(Semaphore::new(UNHEARD_BYTES_MAX));
    loop {
        let mut head = [0; LENGTH_BYTES];
        match timeout(SILENCE, reader.read_exact(&mut head)).await {
            Err(_) => return Err(io::Error::other("its data plane is silent")),
            Ok(Err(error)) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Ok(read) => read?,
        };
        let length = frame::length::<ToControl>(head).map_err(io::Error::other)?;
        let room = Arc::clone(&unheard).acquire_many_owned(length.min(UNHEARD_BYTES_MAX) as u32);
        let room = room.await.map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        let mut body = pin!((&mut reader).take(length as u64));
        match timeout(SILENCE, body.read_to_end(&mut bytes)).await {
            Err(_) => return Err(io::Error::other("its data plane stopped half way")),
            Ok(read) => read?,
        };
        let message = ToControl::read(&bytes).map_err(io::Error::other)?;
        if inputs.send(Input::FromData { link, message, room: Some(room) }).is_err() {
            return Ok(());
        }
    }
}

async fn say(mut writer: OwnedWriteHalf, mut messages: mpsc::Receiver<ToData>) -> io::Result<()> {
    while let Some(message) = messages.recv().await {
        let bytes = frame::encode(&message).map_err(io::Error::other)?;
        match timeout(STALL, writer.write_all(&bytes)).await {
            Err(_) => return Err(io::Error::other("its data plane takes nothing")),
            Ok(written) => written?,
        }
    }
    // The ledger has dropped the link: what it said last has been written.
    writer.shutdown().await
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener as StdListener;

    use super::*;

    #[test]
    fn only_a_socket_that_nobody_answers_on_is_replaced() {
        let folder = std::env::temp_dir().join(format!("tollgate-bind-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("link.sock");
        fs::write(&path, b"a file of somebody").unwrap();
        assert!(LinkSocket::bind(&path).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a file of somebody");
        fs::remove_file(&path).unwrap();

        let living = StdListener::bind(&path).unwrap();
        let refused = LinkSocket::bind(&path).err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::AddrInUse));
        drop(living);
        let bound = LinkSocket::bind(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o660);
        assert!(StdStream::connect(&path).is_err(), "it does not listen yet");
        drop(bound);
        fs::remove_dir_all(folder).unwrap();
    }
}
