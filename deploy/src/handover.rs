//! Listening sockets from a process to the one that follows it, over a socket in the data folder.
//!
//! Invariants: the sockets never close in between, so no connection is refused; the old process
//! goes on accepting until the new one says that it does; a new process that dies before that has
//! changed nothing.
//!
//! ```text
//!   new: connect ──▶ old: shares credit, gives descriptors
//!                      ──▶ new: starts, listens ──▶ TAKEN ──▶ old: retires
//! ```

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;
use std::{fs, thread};

use rustix::cmsg_space;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// How long a new process may take until it listens.
const TAKEN_WITHIN: Duration = Duration::from_secs(60);
/// How long the old process may take to answer.
const GIVEN_WITHIN: Duration = Duration::from_secs(5);
/// How long the old process is given to share its credit before the new one can be asked for any.
const MAKING_ROOM: Duration = Duration::from_millis(250);
/// Descriptors that one message carries at most.
const SOCKETS_MAX: usize = 253;
/// What the new process says when it accepts connections.
const TAKEN: u8 = b'T';

/// The sockets of a data plane.
pub struct Sockets {
    /// Where customers connect, at least one.
    pub customers: Vec<TcpListener>,
    /// Where the operator connects.
    pub operator: TcpListener,
}

/// Sockets that another process still accepts from.
pub struct Taken {
    /// Them.
    pub sockets: Sockets,
    stream: UnixStream,
}

/// Asks the process that runs on this data folder for its sockets; `None` if there is none.
///
/// # Errors
/// There is one, and it does not give them.
pub fn take(path: &Path) -> io::Result<Option<Taken>> {
    let Ok(stream) = UnixStream::connect(path) else { return Ok(None) };
    stream.set_read_timeout(Some(GIVEN_WITHIN))?;
    let mut space = vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut count = [0];
    let mut parts = [IoSliceMut::new(&mut count)];
    let got = recvmsg(&stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let mut given: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            given.extend(sockets);
        }
    }
    if got.bytes != 1 || given.len() != usize::from(count[0]) || given.len() < 2 {
        return Err(io::Error::other("the process that runs here gave no sockets"));
    }
    let mut listeners: Vec<TcpListener> = given.into_iter().map(TcpListener::from).collect();
    let operator = listeners.pop().ok_or(io::ErrorKind::InvalidData)?;
    Ok(Some(Taken { sockets: Sockets { customers: listeners, operator }, stream }))
}

impl Taken {
    /// This process accepts now: the other may stop.
    pub fn confirm(mut self) {
        // One that has gone has stopped already.
        let _ = self.stream.write_all(&[TAKEN]);
    }
}

/// How far a new process has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is about to get the sockets.
    Asked,
    /// It accepts: this process may stop.
    Taken,
}

/// Gives the sockets to whoever asks for them, and tells how far that came.
///
/// # Errors
/// The path cannot be listened on, or the system gives no thread.
pub fn offer(
    path: &Path,
    sockets: Sockets,
    tell: impl Fn(Step) + Send + 'static,
) -> io::Result<()> {
    // Bound beside it and moved: who held the path before is replaced at once.
    let unfinished = path.with_extension("new");
    let _ = fs::remove_file(&unfinished);
    let listener = UnixListener::bind(&unfinished)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
    fs::rename(&unfinished, path)?;
    thread::Builder::new().name("hand-over".to_owned()).spawn(move || {
        for stream in listener.incoming().flatten() {
            if give(stream, &sockets, &tell).is_ok_and(|is_taken| is_taken) {
                tell(Step::Taken);
                return;
            }
        }
    })?;
    Ok(())
}

/// Gives the sockets to one process; whether it took them over.
fn give(mut stream: UnixStream, sockets: &Sockets, tell: &impl Fn(Step)) -> io::Result<bool> {
    tell(Step::Asked);
    thread::sleep(MAKING_ROOM);
    let all = sockets.customers.iter().chain([&sockets.operator]);
    let given: Vec<BorrowedFd<'_>> = all.map(AsFd::as_fd).collect();
    let count = u8::try_from(given.len()).map_err(io::Error::other)?;
    let message = SendAncillaryMessage::ScmRights(&given);
    let mut space = vec![MaybeUninit::uninit(); message.size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if given.len() > SOCKETS_MAX || !ancillary.push(message) {
        return Err(io::Error::other("more sockets than one message carries"));
    }
    sendmsg(&stream, &[IoSlice::new(&[count])], &mut ancillary, SendFlags::NOSIGNAL)?;
    stream.set_read_timeout(Some(TAKEN_WITHIN))?;
    let mut word = [0];
    stream.read_exact(&mut word)?;
    Ok(word == [TAKEN])
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn sockets_go_over_open_and_only_who_confirms_ends_the_other() {
        let folder = std::env::temp_dir().join(format!("tollgate-hand-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("handover.sock");
        assert!(take(&path).unwrap().is_none());
        let bind = || TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let customers = vec![bind(), bind()];
        let address = customers[1].local_addr().unwrap();
        let (sender, told) = mpsc::channel();
        let sockets = Sockets { customers, operator: bind() };
        offer(&path, sockets, move |step| sender.send(step).unwrap()).unwrap();
        drop(take(&path).unwrap().unwrap());
        let next = || told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(next(), Step::Asked);
        let taken = take(&path).unwrap().unwrap();
        assert_eq!(taken.sockets.customers.len(), 2);
        let waiting = std::net::TcpStream::connect(address).unwrap();
        let (_, peer) = taken.sockets.customers[1].accept().unwrap();
        assert_eq!(peer, waiting.local_addr().unwrap());
        assert_eq!(next(), Step::Asked);
        taken.confirm();
        assert_eq!(next(), Step::Taken);
        fs::remove_dir_all(folder).unwrap();
    }
}
