//! Starts a data plane, and stops it: threads and the ways between them.
//!
//! Invariants: ports are bound and older journals adopted before any thread runs, so what cannot
//! work is said at the start; a stop drains the cores first, then the journal, then the uplink, so
//! that nothing that happened is lost on the way; the listening sockets are let go of and never
//! shut down, as another process may hold them too.

mod parts;

use std::net::{SocketAddr, TcpListener};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use channel::{Doorbell, Reader};
use journal::JournalError;
use link::{Hello, LinkDown, Outbox, StatusReport, ToControl, ToData, VERSION};
use units::UnixMillis;

use crate::committer::{Committer, Naps};
use crate::kept;
use crate::messages::{Notice, ToCommitter, ToJournal, ToUplink};
use crate::net::trust::{Identity, Trust};
use crate::settings::Settings;
use crate::uplink::adopt::directory_of;
use crate::uplink::saved::{self, Saver};
use crate::uplink::{self, Cores, Dead, Outbound, Uplink, resolve};
use crate::worker::{self, Course, Seat};
use parts::{
    Gauges, Identities, Leased, Place, Prepared, begin, bind_all, open_journal, prepare,
    read_certificate,
};

/// How the process exits when its journal cannot be written any more: whoever watches over it may
/// start it again, once the disk is mended.
const JOURNAL_LOST: i32 = 1;

/// How long a control plane that is there may take to publish, before the last publication is
/// served from.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(2);

/// Why a data plane does not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The journal cannot be opened.
    Journal(JournalError),
    /// A file of the data plane's folder cannot be used.
    Folder(io::Error),
    /// A certificate or its key cannot be used.
    Tls(String),
    /// A thread or a socket pair cannot be made.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, fault) if fault.kind() == io::ErrorKind::AddrInUse => {
                write!(
                    f,
                    "{address} is in use: stop what listens there, or set another [listen] data"
                )
            }
            Self::Listen(address, fault) => write!(f, "cannot listen on {address}: {fault}"),
            Self::Journal(fault) => write!(f, "the data plane's journal: {fault}"),
            Self::Folder(fault) => write!(f, "the data plane's folder: {fault}"),
            Self::Tls(what) => write!(f, "[listen] tls: {what}"),
            Self::System(fault) => write!(f, "the system gives no thread or socket: {fault}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A data plane that runs.
pub struct Running {
    address: SocketAddr,
    sockets: Vec<TcpListener>,
    course: Arc<Course>,
    listening: Vec<Arc<AtomicBool>>,
    doorbells: Vec<Doorbell>,
    gauges: Gauges,
    notices: Receiver<Notice>,
    cores: Vec<JoinHandle<()>>,
    journal: (ToJournal, JoinHandle<()>),
    uplink: (Sender<ToUplink>, JoinHandle<()>),
}

/// Starts a data plane, on listening sockets that were handed over or, without any, on new ones.
/// `connect` is given the way to it and gives the way to the control plane.
///
/// # Errors
/// Whatever cannot work, before anything runs.
pub fn start(
    settings: Settings,
    sockets: Vec<TcpListener>,
    connect: impl FnOnce(Outbox<ToData>) -> io::Result<Outbox<ToControl>>,
) -> Result<Running, StartError> {
    let now = now();
    let directory = kept::mark(&settings.folder.join("mark")).map_err(StartError::Folder)?;
    let (found, epoch, beginning) = begin(&settings, now)?;
    let sockets = bind_all(&settings, sockets)?;
    let address = sockets[0].local_addr().map_err(StartError::System)?;
    let trust = Trust::new(None).map_err(|fault| StartError::Tls(fault.to_string()))?;
    let (certificate, identities) = read_certificate(&settings)?;
    let journal = open_journal(&settings, epoch)?;
    let (settings, (naps, to_wake)) = (Arc::new(settings), Naps::new());
    let seat = (epoch, beginning.first_ring);
    let (cores, publisher, gauges) = prepare(&settings, seat, &to_wake)?;
    let Prepared { seats, rings, applied, doorbells, .. } = cores;

    let (to_uplink, news) = mpsc::channel();
    let (orders, order_list) = mpsc::channel();
    let (notifier, notices) = mpsc::channel();
    let to_journal = ToJournal { orders, waker: to_wake.idle };
    let figures = Arc::clone(&gauges.figures);
    let Leased { spool, left, borrowed } = Leased::of(&settings, &beginning);
    let (rings, way) = ((rings, spool), to_uplink.clone());
    let committer = Committer::new(epoch, journal, rings, order_list, way, figures, borrowed);
    let journal_thread = start_journal(committer, naps)?;

    let (dataplane, beside) = (settings.dataplane, found.locked.clone());
    let process = kept::draw().map_err(StartError::System)?;
    let parts = uplink::Parts {
        hello: Hello { version: VERSION, dataplane, epoch, directory, process, beside },
        control: connect(inbox(&to_uplink)).map_err(StartError::System)?,
        cores: Cores { publisher, applied, doorbells: doorbells.clone() },
        journal: to_journal.clone(),
        resolver: start_resolver(&to_uplink)?,
        outbound: Outbound::new(epoch, directory_of(&settings.journal, epoch), &beginning.older),
        dead: Dead::new(settings.journal.clone(), settings.folder.clone(), found),
        leases: left,
        saver: start_saver(&settings)?,
        fallback: fallback(&settings),
        heard: settings.alone.map_or(now, |_| saved::last_heard(&settings.folder)),
        master_keys: settings.master_keys.clone(),
        status: gauges.reporter(),
        notices: notifier,
        gauge: Arc::clone(&gauges.link),
    };
    let uplink_thread = spawn("uplink", move || Uplink::new(parts, news).run())?;

    let course = Arc::new(Course::default());
    let kept = clones(&sockets).map_err(StartError::System)?;
    let rooms = rooms(&settings.cores, sockets, identities, seats);
    let (listening, cores) = start_cores(rooms, &trust, &course)?;
    if let Some(certificate) = certificate {
        let course = Arc::clone(&course);
        spawn("certificate", move || certificate.follow(&course))?;
    }
    Ok(Running {
        address,
        sockets: kept,
        course,
        listening,
        doorbells,
        gauges,
        notices,
        cores,
        journal: (to_journal, journal_thread),
        uplink: (to_uplink, uplink_thread),
    })
}

fn start_journal(committer: Committer, naps: Naps) -> Result<JoinHandle<()>, StartError> {
    spawn("journal", move || {
        if let Err(fault) = committer.run(naps) {
            // Answers that go on without a journal would never be paid for.
            notice::error!("the journal is beyond use, so this process ends: {fault}");
            process::exit(JOURNAL_LOST);
        }
    })
}

fn clones(sockets: &[TcpListener]) -> io::Result<Vec<TcpListener>> {
    sockets.iter().map(TcpListener::try_clone).collect()
}

/// A data plane alone keeps what is published.
fn start_saver(settings: &Settings) -> Result<Option<Saver>, StartError> {
    let saver = settings.alone.map(|_| Saver::start(settings.folder.clone()));
    saver.transpose().map_err(StartError::System)
}

/// What a data plane alone serves from unless the control plane publishes in time.
fn fallback(settings: &Settings) -> Option<(Instant, link::Publication)> {
    let alone = settings.alone?;
    let patience = if alone.is_control_away { Duration::ZERO } else { PUBLISHED_WITHIN };
    saved::read(&settings.folder).map(|publication| (Instant::now() + patience, publication))
}

impl Running {
    /// Where customers connect.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether every core listens.
    pub fn is_listening(&self) -> bool {
        self.listening.iter().all(|listening| listening.load(Ordering::Acquire))
    }

    /// Whether the control plane was heard of lately.
    pub fn is_linked(&self) -> bool {
        self.gauges.link.is_up.load(Ordering::Relaxed)
    }

    /// How it is, but for its endpoints.
    pub fn report(&self) -> StatusReport {
        self.gauges.report((0, 0)).0
    }

    /// The next thing that the composition must know, if there is one.
    pub fn notice(&self) -> Option<Notice> {
        self.notices.try_recv().ok()
    }

    /// Its listening sockets, for whoever serves on after it.
    ///
    /// # Errors
    /// Descriptors ran out.
    pub fn sockets(&self) -> io::Result<Vec<TcpListener>> {
        clones(&self.sockets)
    }

    /// Makes room for another process that is about to serve beside this one.
    pub fn share(&self) {
        // An uplink that is gone has nothing to share.
        let _ = self.uplink.0.send(ToUplink::Share);
    }

    /// Closes its listeners, lets what runs come to its end, writes and ships everything, stops.
    pub fn drain(self) {
        self.course.stop();
        self.end();
    }

    /// As [`Self::drain`], but leaves the listening sockets to others, who accept from them.
    pub fn retire(self) {
        self.course.retire();
        // As above.
        let _ = self.uplink.0.send(ToUplink::Retire);
        self.end();
    }

    fn end(self) {
        // Where nobody else has them, the sockets close with the last of their holders.
        drop(self.sockets);
        self.doorbells.iter().for_each(Doorbell::ring);
        for core in self.cores {
            // A core that panicked has said so; the others are still to be waited for.
            let _ = core.join();
        }
        let (journal, journal_thread) = self.journal;
        journal.tell(ToCommitter::Stop);
        let _ = journal_thread.join();
        let (uplink, uplink_thread) = self.uplink;
        let _ = uplink.send(ToUplink::Stop);
        let _ = uplink_thread.join();
    }
}

type Started = (Vec<Arc<AtomicBool>>, Vec<JoinHandle<()>>);

/// What one core is given.
struct Room {
    cpu: usize,
    listeners: Vec<TcpListener>,
    identity: Option<Reader<Identity>>,
    seat: Place,
}

/// Every socket is accepted from, also where another process had more cores.
fn rooms(
    cpus: &[usize],
    sockets: Vec<TcpListener>,
    identities: Identities,
    seats: Vec<Place>,
) -> Vec<Room> {
    let each = cpus.iter().zip(identities).zip(seats);
    let room = |((cpu, identity), seat): ((&usize, _), _)| Room {
        cpu: *cpu,
        listeners: Vec::new(),
        identity,
        seat,
    };
    let mut rooms: Vec<Room> = each.map(room).collect();
    for (place, socket) in sockets.into_iter().enumerate() {
        rooms[place % cpus.len()].listeners.push(socket);
    }
    rooms
}

fn start_cores(
    rooms: Vec<Room>,
    trust: &Trust,
    course: &Arc<Course>,
) -> Result<Started, StartError> {
    let (mut all_listening, mut cores) = (Vec::new(), Vec::new());
    for Room { cpu, listeners, identity, seat: (parts, doorbell, arrivals) } in rooms {
        let listening = Arc::new(AtomicBool::new(false));
        all_listening.push(Arc::clone(&listening));
        let (trust, course) = (trust.clone(), Arc::clone(course));
        let seat =
            Seat { cpu, parts, listeners, identity, trust, arrivals, doorbell, course, listening };
        cores.push(spawn("core", move || run_core(seat))?);
    }
    Ok((all_listening, cores))
}

fn run_core(seat: Seat) {
    let cpu = seat.cpu;
    if let Err(fault) = worker::run(seat) {
        notice::error!("core {cpu} does not run: {fault}");
    }
}

fn start_resolver(uplink: &Sender<ToUplink>) -> Result<Sender<resolve::Order>, StartError> {
    let (orders, order_list) = mpsc::channel();
    let uplink = uplink.clone();
    spawn("resolver", move || resolve::run(&order_list, &uplink))?;
    Ok(orders)
}

/// The way to the uplink for the control plane.
fn inbox(uplink: &Sender<ToUplink>) -> Outbox<ToData> {
    let uplink = uplink.clone();
    Outbox::new(move |message| uplink.send(ToUplink::Control(message)).map_err(|_| LinkDown))
}

fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StartError::System)
}

/// The wall clock.
pub fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}
