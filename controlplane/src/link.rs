//! The link's end here: data planes dial a Unix socket, and each connection is one link.
//!
//! Invariants: the ledger thread never waits for a peer: what it says is queued, and a peer that
//! does not keep up, or is silent for long, loses its link; a peer's own messages wait in the
//! socket while too many of them are not yet looked at. Who may connect is the socket file's mode.
//! Left out on purpose: what messages mean, and TLS over networks.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc as queue};
use std::time::Duration;

use link::frame::{self, LENGTH_BYTES, Message};
use link::{LinkDown, Outbox, ToControl, ToData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
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
/// A listener that cannot accept waits before it tries again.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, to be served.
pub(crate) struct LinkSocket {
    listener: StdListener,
    path: PathBuf,
}

impl LinkSocket {
    /// Listens at a path. A socket that a dead process left there is replaced.
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        if StdStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = StdListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, path: path.to_owned() })
    }

    /// Serves data planes until the runtime ends.
    pub(crate) async fn serve(self, links: Arc<AtomicU64>, inputs: queue::Sender<Input>) {
        let listener = match UnixListener::from_std(self.listener) {
            Ok(listener) => listener,
            Err(error) => {
                notice::error!("{} cannot be listened on: {error}", self.path.display());
                return;
            }
        };
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
}

/// Serves one link until either side has enough of it.
async fn attend(link: u64, stream: UnixStream, inputs: queue::Sender<Input>) {
    let (reader, writer) = stream.into_split();
    let (sender, messages) = mpsc::channel(QUEUED_MAX);
    let outbox = Outbox::new(move |message| sender.try_send(message).map_err(|_| LinkDown));
    if inputs.send(Input::Attached { link, outbox }).is_err() {
        return;
    }
    let ended = tokio::select! {
        ended = hear(link, reader, &inputs) => ended,
        ended = say(writer, messages) => ended,
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
        let length = frame::length(head).map_err(io::Error::other)?;
        let room = Arc::clone(&unheard).acquire_many_owned(length.min(UNHEARD_BYTES_MAX) as u32);
        let room = room.await.map_err(io::Error::other)?;
        let mut bytes = Vec::new();
        let body = (&mut reader).take(length as u64);
        let mut body = std::pin::pin!(body);
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
