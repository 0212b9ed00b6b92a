//! Listening sockets from a process to the one that follows it, over a socket in the data folder.
//!
//! Invariants: the sockets never close in between, so no connection is refused; the old process
//! goes on accepting until the new one says that it does; a new process that dies before that has
//! changed nothing, and the path stays the old one's until that has heard it.
//!
//! ```text
//!   new: connect ──▶ old: is asked ─┬─ no: why ─────────────▶ new: ends with it
//!                                   ├─ ends itself: nothing ─▶ new: binds its own
//!                                   └─ shares credit, gives descriptors
//!                          ──▶ new: starts, listens ─┬─ TAKEN ──▶ old: TAKEN, retires
//!                                                    │            new: takes the path
//!                                                    ├─ dies, gives up ──▶ old: goes on
//!                                                    └─ old ends: new serves all the same
//! ```

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, TcpListener};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, process, thread};

use rustix::cmsg_space;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType, bind, listen,
    recvmsg, sendmsg, socket_with,
};

/// How long the old process may take to answer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);
/// How long the old process is given to share its credit before the new one can be asked for any.
const MAKING_ROOM: Duration = Duration::from_millis(250);
/// New processes that wait while another takes over.
const BACKLOG: i32 = 4;
/// Descriptors that one message carries at most.
const SOCKETS_MAX: usize = 253;
/// Stands where the number of sockets would: there are none any more.
const NOTHING: u8 = 0;
/// The same: they are not given. The reason follows as text.
const REFUSED: u8 = 0xff;
/// What the new process says when it accepts connections, and the old one when it has heard it.
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

/// Asks the process that runs on this data folder for its sockets; `None` if there is none, or if
/// it has let go of them.
///
/// # Errors
/// There is one, and it does not give them.
pub fn take(path: &Path) -> io::Result<Option<Taken>> {
    let Ok(mut stream) = UnixStream::connect(path) else { return Ok(None) };
    stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
    let mut space = vec![MaybeUninit::uninit(); cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut count = [0];
    let mut parts = [IoSliceMut::new(&mut count)];
    let got = recvmsg(&stream, &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    let silent = "the process that runs here does not answer; is another one taking over from it?";
    let got = got.map_err(|_| io::Error::other(silent))?;
    let mut given: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(sockets) = message {
            given.extend(sockets);
        }
    }
    match (got.bytes, count[0]) {
        // It ended before it answered, or is about to.
        (0, _) | (1, NOTHING) => Ok(None),
        (1, REFUSED) => {
            let mut why = String::new();
            stream.read_to_string(&mut why)?;
            Err(io::Error::other(why))
        }
        (_, count) if given.len() == usize::from(count) && count >= 2 => {
            let mut customers: Vec<TcpListener> =
                given.into_iter().map(TcpListener::from).collect();
            let operator = customers.pop().ok_or(io::ErrorKind::InvalidData)?;
            Ok(Some(Taken { sockets: Sockets { customers, operator }, stream }))
        }
        _ => Err(io::Error::other("the process that runs here gave no sockets")),
    }
}

impl Taken {
    /// Whether the other process has ended, or is about to: then it will not serve on.
    pub fn is_left_alone(&mut self) -> bool {
        let is_set = self.stream.set_nonblocking(true).is_ok();
        let read = self.stream.read(&mut [0]);
        let is_restored = self.stream.set_nonblocking(false).is_ok();
        let is_quiet = read.is_err_and(|fault| fault.kind() == io::ErrorKind::WouldBlock);
        !(is_set && is_restored && is_quiet)
    }

    /// This process accepts now: the other may stop. Returns when that has heard it, or has ended.
    pub fn confirm(mut self) {
        // One that has gone has stopped already.
        let _ = self.stream.write_all(&[TAKEN]);
        let _ = self.stream.read_exact(&mut [0]);
    }
}

/// A place beside the path, where the next process will ask.
pub struct Door {
    listener: UnixListener,
    unfinished: PathBuf,
    path: PathBuf,
}

/// Sockets on offer.
pub struct Offer(Arc<Mutex<Offered>>);

struct Offered {
    /// Until they are taken back.
    sockets: Option<Sockets>,
    /// The new process that is about to take over.
    taker: Option<UnixStream>,
}

impl Door {
    /// Makes it. Only this user can connect, from the first moment on.
    ///
    /// # Errors
    /// The folder takes no socket.
    pub fn make(path: &Path) -> io::Result<Self> {
        let unfinished = path.with_extension(format!("new-{}", process::id()));
        let _ = fs::remove_file(&unfinished);
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        bind(&socket, &SocketAddrUnix::new(&unfinished)?)?;
        fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o600))?;
        listen(&socket, BACKLOG)?;
        let listener = UnixListener::from(socket);
        Ok(Self { listener, unfinished, path: path.to_owned() })
    }

    /// Takes the path from whoever had it, and gives the sockets to whoever asks there. `may_take`
    /// is asked each time, and may say why not; `taken` hears that this process may stop.
    ///
    /// # Errors
    /// The path cannot be taken, or the system gives no thread.
    pub fn open(
        self,
        sockets: Sockets,
        may_take: impl Fn() -> Result<(), String> + Send + 'static,
        taken: impl FnOnce() + Send + 'static,
    ) -> io::Result<Offer> {
        let Self { listener, unfinished, path } = self;
        fs::rename(unfinished, path)?;
        let offered = Offered { sockets: Some(sockets), taker: None };
        let offered = Arc::new(Mutex::new(offered));
        let shared = Arc::clone(&offered);
        thread::Builder::new().name("hand-over".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                // A new process that fails half way has changed nothing.
                if give(stream, &shared, &may_take).is_ok_and(|is_taken| is_taken) {
                    return taken();
                }
            }
        })?;
        Ok(Offer(offered))
    }
}

impl Offer {
    /// Lets go of the sockets: this process ends. Who asks from now on binds its own, and who is
    /// about to take over sees that it serves alone.
    pub fn withdraw(&self) {
        let mut offered = lock(&self.0);
        drop(offered.sockets.take());
        if let Some(taker) = offered.taker.take() {
            // One that has gone needs no news.
            let _ = taker.shutdown(Shutdown::Both);
        }
    }
}

fn lock(offered: &Mutex<Offered>) -> MutexGuard<'_, Offered> {
    offered.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives the sockets to one process, and waits for as long as that lives; whether it took over.
fn give(
    mut stream: UnixStream,
    shared: &Mutex<Offered>,
    may_take: &impl Fn() -> Result<(), String>,
) -> io::Result<bool> {
    let answer = may_take();
    if answer.is_ok() {
        thread::sleep(MAKING_ROOM);
    }
    let mut offered = lock(shared);
    match (offered.sockets.as_ref(), answer) {
        (None, _) => return stream.write_all(&[NOTHING]).map(|()| false),
        (_, Err(why)) => {
            stream.write_all(&[REFUSED])?;
            return stream.write_all(why.as_bytes()).map(|()| false);
        }
        (Some(sockets), Ok(())) => send(&stream, sockets)?,
    }
    offered.taker = Some(stream.try_clone()?);
    drop(offered);
    let mut word = [0];
    stream.read_exact(&mut word)?;
    if word != [TAKEN] {
        return Ok(false);
    }
    // One that has gone meanwhile did accept.
    let _ = stream.write_all(&[TAKEN]);
    Ok(true)
}

fn send(stream: &UnixStream, sockets: &Sockets) -> io::Result<()> {
    let all = sockets.customers.iter().chain([&sockets.operator]);
    let given: Vec<BorrowedFd<'_>> = all.map(AsFd::as_fd).collect();
    let count = u8::try_from(given.len()).map_err(io::Error::other)?;
    let message = SendAncillaryMessage::ScmRights(&given);
    let mut space = vec![MaybeUninit::uninit(); message.size()];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if given.len() > SOCKETS_MAX || !ancillary.push(message) {
        return Err(io::Error::other("more sockets than one message carries"));
    }
    sendmsg(stream, &[IoSlice::new(&[count])], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    fn bound() -> TcpListener {
        TcpListener::bind(("127.0.0.1", 0)).unwrap()
    }

    fn offer(name: &str, refusals: &[&str]) -> (PathBuf, Offer, Receiver<&'static str>) {
        let name = format!("tollgate-hand-{}-{name}", process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("handover.sock");
        assert!(take(&path).unwrap().is_none());
        let (sender, told) = mpsc::channel();
        let refusals: Vec<String> = refusals.iter().map(|why| (*why).to_owned()).collect();
        let (refusals, asked) = (Mutex::new(refusals), sender.clone());
        let may_take = move || {
            asked.send("asked").unwrap();
            refusals.lock().unwrap().pop().map_or(Ok(()), Err)
        };
        let sockets = Sockets { customers: vec![bound(), bound()], operator: bound() };
        let door = Door::make(&path).unwrap();
        assert!(take(&path).unwrap().is_none(), "nobody asks at a door that is not open");
        let offer = door.open(sockets, may_take, move || sender.send("taken").unwrap()).unwrap();
        (path, offer, told)
    }

    #[test]
    fn sockets_go_over_open_and_only_who_confirms_ends_the_other() {
        let (path, _offer, told) = offer("over", &[]);
        let next = || told.recv_timeout(Duration::from_secs(5)).unwrap();
        drop(take(&path).unwrap().unwrap());
        assert_eq!(next(), "asked");
        let taken = take(&path).unwrap().unwrap();
        assert_eq!(taken.sockets.customers.len(), 2);
        let customers = &taken.sockets.customers[1];
        let waiting = std::net::TcpStream::connect(customers.local_addr().unwrap()).unwrap();
        let (_, peer) = customers.accept().unwrap();
        assert_eq!(peer, waiting.local_addr().unwrap());
        assert_eq!(next(), "asked");
        taken.confirm();
        assert_eq!(next(), "taken");
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn who_may_not_take_over_hears_why_and_who_comes_to_an_end_binds_anew() {
        let (path, offer, _told) = offer("why", &["not while it rains"]);
        let refused = take(&path).err().unwrap();
        assert_eq!(refused.to_string(), "not while it rains");
        let mut taken = take(&path).unwrap().unwrap();
        assert!(!taken.is_left_alone());
        offer.withdraw();
        assert!(taken.is_left_alone());
        drop(taken);
        assert!(take(&path).unwrap().is_none());
        fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }
}
