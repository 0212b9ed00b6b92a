//! Starts a data plane, and stops it: threads and the ways between them.
//!
//! Invariants: ports are bound and older journals adopted before any thread runs, so what cannot
//! work is said at the start; a stop drains the cores first, then the journal, then the uplink, so
//! that nothing that happened is lost on the way.

use std::net::{SocketAddr, TcpListener};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fmt, io};

use channel::{
    Doorbell, DoorbellSocket, Inbox, Inlet, Mark, Publisher, Reader, Unparker, doorbell, latest,
    parker, ring,
};
use journal::{Journal, JournalError, JournalOptions, PlainDisk};
use link::{CoreReport, JournalReport, LinkDown, Outbox, StatusReport, ToControl, ToData};
use units::{Epoch, UnixMillis};

use crate::certificate::Certificate;
use crate::client::Parcel;
use crate::committer::{Committer, CoreRing, Figures};
use crate::local::counters::{Counters, Shared};
use crate::local::published::Published;
use crate::local::records::{Durable, Records};
use crate::local::{Parts, Place};
use crate::messages::{ToCommitter, ToJournal, ToUplink};
use crate::net::listener::bind_shared;
use crate::net::trust::{Identity, Trust};
use crate::settings::Settings;
use crate::uplink::adopt::{adopt_all, directory_of};
use crate::uplink::{self, Cores, Uplink, resolve};
use crate::worker::{self, Seat};

/// How the process exits when its journal cannot be written any more: whoever watches over it may
/// start it again, once the disk is mended.
const JOURNAL_LOST: i32 = 1;

/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// Clients that may be on their way to one core.
const ARRIVALS: usize = 1024;

/// Why a data plane does not start.
#[derive(Debug)]
pub enum StartError {
    /// The address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The journal cannot be opened.
    Journal(JournalError),
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
            Self::Tls(what) => write!(f, "[listen] tls: {what}"),
            Self::System(fault) => write!(f, "the system gives no thread or socket: {fault}"),
        }
    }
}

impl std::error::Error for StartError {}

/// A data plane that runs.
pub struct Running {
    address: SocketAddr,
    draining: Arc<AtomicBool>,
    listening: Vec<Arc<AtomicBool>>,
    doorbells: Vec<Doorbell>,
    cores: Vec<JoinHandle<()>>,
    journal: (ToJournal, JoinHandle<()>),
    uplink: (Sender<ToUplink>, JoinHandle<()>),
}

/// Starts a data plane. `connect` is given the way to it and gives the way to the control plane.
///
/// # Errors
/// Whatever cannot work, before anything runs.
pub fn start(
    settings: Settings,
    connect: impl FnOnce(Outbox<ToData>) -> Outbox<ToControl>,
) -> Result<Running, StartError> {
    let now = now();
    let found = adopt_all(&settings.journal, now).map_err(StartError::Journal)?;
    // The clock too, so that a directory that was wiped does not repeat an epoch.
    let epoch = Epoch(found.newest.0.saturating_add(1).max(now.seconds() as u32));
    let listeners = bind_all(&settings)?;
    let address = listeners[0].local_addr().map_err(StartError::System)?;
    let trust = Trust::new(None).map_err(|fault| StartError::Tls(fault.to_string()))?;
    let (certificate, identities) = read_certificate(&settings)?;
    let journal = open_journal(&settings, epoch)?;
    let settings = Arc::new(settings);
    let (parker, waker) = parker();
    let (cores, publisher) = prepare(&settings, epoch, &waker)?;
    let Prepared { seats, rings, applied, shared, doorbells, .. } = cores;

    let (to_uplink, news) = mpsc::channel();
    let (orders, order_list) = mpsc::channel();
    let to_journal = ToJournal { orders, waker };
    let figures = Arc::new(Mutex::new(Figures { is_sound: true, ..Figures::default() }));
    let status = status(&settings.cores, shared, &figures);
    let committer = Committer::new(epoch, journal, rings, order_list, to_uplink.clone(), figures);
    let journal_thread = spawn("journal", move || {
        if let Err(fault) = committer.run(parker) {
            // Answers that go on without a journal would never be paid for.
            eprintln!("tollgate: the journal is beyond use, so this process ends: {fault}");
            process::exit(JOURNAL_LOST);
        }
    })?;

    let parts = uplink::Parts {
        epoch,
        control: connect(inbox(&to_uplink)),
        cores: Cores { publisher, applied, doorbells: doorbells.clone() },
        journal: to_journal.clone(),
        resolver: start_resolver(&to_uplink)?,
        journals: settings.journal.clone(),
        adopted: found.adopted,
        status,
    };
    let uplink = Uplink::new(parts, news);
    let dataplane = settings.dataplane;
    let uplink_thread = spawn("uplink", move || uplink.run(dataplane))?;

    let draining = Arc::new(AtomicBool::new(false));
    let places = listeners.into_iter().zip(identities).zip(seats);
    let (listening, cores) = start_cores(&settings.cores, places, &trust, &draining)?;
    if let Some(certificate) = certificate {
        let draining = Arc::clone(&draining);
        spawn("certificate", move || certificate.follow(&draining))?;
    }
    Ok(Running {
        address,
        draining,
        listening,
        doorbells,
        cores,
        journal: (to_journal, journal_thread),
        uplink: (to_uplink, uplink_thread),
    })
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

    /// Lets what runs come to its end, writes and ships everything, then stops.
    pub fn drain(self) {
        self.draining.store(true, Ordering::Release);
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

/// The cores before they run, and what other threads keep of them.
#[derive(Default)]
struct Prepared {
    seats: Vec<(Parts, DoorbellSocket, Inbox<Parcel>)>,
    rings: Vec<CoreRing>,
    applied: Vec<Arc<Mark>>,
    shared: Vec<Arc<Shared>>,
    doorbells: Vec<Doorbell>,
    inlets: Vec<Inlet<Parcel>>,
}

fn prepare(
    settings: &Arc<Settings>,
    epoch: Epoch,
    journal: &Unparker,
) -> Result<(Prepared, Publisher<Published>), StartError> {
    let (mut publisher, first) = latest();
    let mut first = Some(first);
    let mut prepared = Prepared::default();
    for number in 0..settings.cores.len() {
        let reader = first.take().unwrap_or_else(|| publisher.add_reader());
        prepared.add(
            settings,
            Place { dataplane: settings.dataplane, epoch, ring: number as u16 },
            reader,
            journal,
        )?;
    }
    for (parts, ..) in &mut prepared.seats {
        parts.neighbours.clone_from(&prepared.inlets);
    }
    Ok((prepared, publisher))
}

impl Prepared {
    fn add(
        &mut self,
        settings: &Arc<Settings>,
        place: Place,
        reader: Reader<Published>,
        journal: &Unparker,
    ) -> Result<(), StartError> {
        let (producer, consumer) = ring(settings.limits.ring_slots);
        let (bell, socket) = doorbell().map_err(StartError::System)?;
        let (inlet, arrivals) = channel::inbox(ARRIVALS, bell.clone());
        let (durable, applied) = (Arc::new(Durable::default()), Arc::new(Mark::new()));
        let shared = Arc::new(Shared::default());
        let records = Records::new(producer, journal.clone(), Arc::clone(&durable));
        let parts = Parts {
            place,
            settings: Arc::clone(settings),
            records,
            reader,
            applied: Arc::clone(&applied),
            counters: Counters::new(Arc::clone(&shared)),
            neighbours: Vec::new(),
        };
        self.inlets.push(inlet);
        self.seats.push((parts, socket, arrivals));
        self.rings.push(CoreRing { consumer, durable, doorbell: bell.clone() });
        self.applied.push(applied);
        self.shared.push(shared);
        self.doorbells.push(bell);
        Ok(())
    }
}

/// What each core knows of the certificate.
type Identities = Vec<Option<Reader<Identity>>>;

/// The certificate, where clients speak TLS, and its readers.
fn read_certificate(settings: &Settings) -> Result<(Option<Certificate>, Identities), StartError> {
    let Some(files) = settings.tls.clone() else {
        return Ok((None, settings.cores.iter().map(|_| None).collect()));
    };
    let told = |fault: io::Error| StartError::Tls(fault.to_string());
    let (mut certificate, first) = Certificate::read(files).map_err(told)?;
    let mut readers = vec![Some(first)];
    readers.resize_with(settings.cores.len(), || Some(certificate.add_reader()));
    Ok((Some(certificate), readers))
}

fn bind_all(settings: &Settings) -> Result<Vec<TcpListener>, StartError> {
    let in_use = |fault| StartError::Listen(settings.listen, fault);
    // A port that another program listens on is refused here, though it may be shared among cores.
    let probe = TcpListener::bind(settings.listen).map_err(in_use)?;
    let address = probe.local_addr().map_err(in_use)?;
    drop(probe);
    let bind = |_| bind_shared(address, BACKLOG).map_err(in_use);
    settings.cores.iter().map(bind).collect()
}

fn open_journal(settings: &Settings, epoch: Epoch) -> Result<Journal<PlainDisk>, StartError> {
    let directory = directory_of(&settings.journal, epoch);
    let disk = PlainDisk::open(&directory).map_err(StartError::Journal)?;
    let opened =
        Journal::open(disk, JournalOptions { segment_bytes: settings.limits.segment_bytes });
    opened.map(|(journal, _)| journal).map_err(StartError::Journal)
}

type Started = (Vec<Arc<AtomicBool>>, Vec<JoinHandle<()>>);
type Room = ((TcpListener, Option<Reader<Identity>>), (Parts, DoorbellSocket, Inbox<Parcel>));

fn start_cores(
    cpus: &[usize],
    places: impl Iterator<Item = Room>,
    trust: &Trust,
    draining: &Arc<AtomicBool>,
) -> Result<Started, StartError> {
    let (mut all_listening, mut cores) = (Vec::new(), Vec::new());
    for (cpu, ((listener, identity), (parts, doorbell, arrivals))) in
        cpus.iter().copied().zip(places)
    {
        let listening = Arc::new(AtomicBool::new(false));
        all_listening.push(Arc::clone(&listening));
        let (trust, draining) = (trust.clone(), Arc::clone(draining));
        let seat =
            Seat { cpu, parts, listener, identity, trust, arrivals, doorbell, draining, listening };
        cores.push(spawn("core", move || run_core(seat))?);
    }
    Ok((all_listening, cores))
}

fn run_core(seat: Seat) {
    let cpu = seat.cpu;
    if let Err(fault) = worker::run(seat) {
        eprintln!("tollgate: core {cpu} does not run: {fault}");
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

/// What the control plane hears of this data plane.
fn status(
    cpus: &[usize],
    shared: Vec<Arc<Shared>>,
    figures: &Arc<Mutex<Figures>>,
) -> Box<dyn Fn() -> StatusReport + Send> {
    let (cpus, figures) = (cpus.to_vec(), Arc::clone(figures));
    Box::new(move || {
        let core = |(cpu, counts): (&usize, &Arc<Shared>)| CoreReport {
            core: *cpu as u32,
            connections: counts.connections.load(Ordering::Relaxed),
            in_flight: counts.running.load(Ordering::Relaxed),
            requests: counts.requests.load(Ordering::Relaxed),
            ends: counts.ends(),
        };
        let mut journal = JournalReport::default();
        if let Ok(mut figures) = figures.lock() {
            journal.writable = figures.is_sound;
            journal.batches = figures.batches;
            journal.slowest_commit_us = std::mem::take(&mut figures.slowest_commit_us);
        }
        let cores = cpus.iter().zip(&shared).map(core).collect();
        StatusReport { cores, journal, ..StatusReport::default() }
    })
}

fn spawn(
    name: &'static str,
    body: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, StartError> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(StartError::System)
}

fn now() -> UnixMillis {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    UnixMillis(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}
