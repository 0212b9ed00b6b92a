//! What a data plane is made of before any thread runs: cores, certificates, sockets, journal.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use channel::{
    Doorbell, DoorbellSocket, Inbox, Inlet, Mark, Publisher, Reader, doorbell, latest, ring,
};
use journal::{Journal, JournalOptions, PlainDisk};
use ledger::cell::CreditCell;
use ledger::spool::Spool;
use ledger::{Purse, contact};
use link::{CoreReport, JournalReport, StatusReport};
use units::{Epoch, UnixMillis, Usd};

use super::{StartError, now};
use crate::certificate::Certificate;
use crate::client::Parcel;
use crate::committer::{Borrowed, CoreRing, Figures};
use crate::guests::Guests;
use crate::health::Health;
use crate::local::counters::{Counters, Shared};
use crate::local::published::Published;
use crate::local::records::{Durable, ToJournal, ToWake};
use crate::local::{Parts, Place as Seat};
use crate::messages::LinkGauge;
use crate::net::listener::bind_shared;
use crate::net::trust::Identity;
use crate::settings::Settings;
use crate::uplink::adopt::{Found, adopt_all, directory_of};
use crate::uplink::saved;
use crate::uplink::standing::{Beginning, Standing};

/// Endpoints that one report tells of; where there are more they take turns.
const ENDPOINTS_TOLD: usize = 256;
/// Clients that may be on their way to one core.
const ARRIVALS: usize = 1024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;
/// How long an address may stay taken by a process that has just ended.
const FREE_WITHIN: Duration = Duration::from_secs(2);
const FREE_PAUSE: Duration = Duration::from_millis(20);

/// What one core's state is made of, what wakes it, and the clients that others send it.
pub(super) type Place = (Parts, DoorbellSocket, Inbox<Parcel>);

/// The cores before they run, and what other threads keep of them.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) seats: Vec<Place>,
    pub(super) rings: Vec<CoreRing>,
    pub(super) applied: Vec<Arc<Mark>>,
    shared: Vec<Arc<Shared>>,
    pub(super) doorbells: Vec<Doorbell>,
    inlets: Vec<Inlet<Parcel>>,
}

pub(super) fn prepare(
    settings: &Arc<Settings>,
    (epoch, first_ring): (Epoch, u16),
    journal: &ToWake,
) -> Result<(Prepared, Publisher<Published>, Gauges), StartError> {
    let (mut publisher, first) = latest();
    let mut first = Some(first);
    let mut prepared = Prepared::default();
    let health = Arc::new(Health::new(settings.limits.eject_after));
    let guests = Arc::new(Guests::new());
    for number in 0..settings.cores.len() as u16 {
        let reader = first.take().unwrap_or_else(|| publisher.add_reader());
        prepared.add(
            settings,
            Seat { dataplane: settings.dataplane, epoch, ring: first_ring + number, core: number },
            (reader, Arc::clone(&health), Arc::clone(&guests)),
            journal,
        )?;
    }
    for (parts, ..) in &mut prepared.seats {
        parts.neighbours.clone_from(&prepared.inlets);
    }
    let gauges = Gauges::new(&settings.cores, prepared.shared.clone(), health);
    Ok((prepared, publisher, gauges))
}

impl Prepared {
    fn add(
        &mut self,
        settings: &Arc<Settings>,
        place: Seat,
        (reader, health, guests): (Reader<Published>, Arc<Health>, Arc<Guests>),
        journal: &ToWake,
    ) -> Result<(), StartError> {
        let (producer, consumer) = ring(settings.limits.ring_slots);
        let (bell, socket) = doorbell().map_err(StartError::System)?;
        let (inlet, arrivals) = channel::inbox(ARRIVALS, bell.clone());
        let (durable, applied) = (Arc::new(Durable::default()), Arc::new(Mark::new()));
        let shared = Arc::new(Shared::default());
        let records =
            ToJournal { producer, journal: journal.clone(), durable: Arc::clone(&durable) };
        let parts = Parts {
            place,
            settings: Arc::clone(settings),
            records,
            reader,
            applied: Arc::clone(&applied),
            counters: Counters::new(Arc::clone(&shared)),
            neighbours: Vec::new(),
            health,
            guests,
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
pub(super) type Identities = Vec<Option<Reader<Identity>>>;

/// The certificate, where clients speak TLS, and its readers.
pub(super) fn read_certificate(
    settings: &Settings,
) -> Result<(Option<Certificate>, Identities), StartError> {
    let Some(files) = settings.tls.clone() else {
        return Ok((None, settings.cores.iter().map(|_| None).collect()));
    };
    let told = |fault: io::Error| StartError::Tls(fault.to_string());
    let (mut certificate, first) = Certificate::read(files).map_err(told)?;
    let mut readers = vec![Some(first)];
    readers.resize_with(settings.cores.len(), || Some(certificate.add_reader()));
    Ok((Some(certificate), readers))
}

/// A socket for each core at least: those that another process hands over, and new ones.
pub(super) fn bind_all(
    settings: &Settings,
    mut sockets: Vec<TcpListener>,
) -> Result<Vec<TcpListener>, StartError> {
    let in_use = |fault| StartError::Listen(settings.listen, fault);
    let address = match sockets.first() {
        Some(socket) => socket.local_addr().map_err(in_use)?,
        None => free_address(settings.listen).map_err(in_use)?,
    };
    while sockets.len() < settings.cores.len() {
        sockets.push(bind_shared(address, BACKLOG).map_err(in_use)?);
    }
    Ok(sockets)
}

/// A port that another program listens on is refused here, though it may be shared among cores.
/// The kernel lets go of a dead process's rings, and of the sockets in them, a little after it has
/// told of its end: a start right behind it waits that out.
fn free_address(listen: SocketAddr) -> io::Result<SocketAddr> {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(listen) {
            Err(fault)
                if fault.kind() == io::ErrorKind::AddrInUse && begun.elapsed() < FREE_WITHIN =>
            {
                thread::sleep(FREE_PAUSE);
            }
            bound => return bound?.local_addr(),
        }
    }
}

pub(super) fn open_journal(
    settings: &Settings,
    epoch: Epoch,
) -> Result<Journal<PlainDisk>, StartError> {
    let directory = directory_of(&settings.journal, epoch);
    let disk = PlainDisk::open(&directory).map_err(StartError::Journal)?;
    let opened =
        Journal::open(disk, JournalOptions { segment_bytes: settings.limits.segment_bytes });
    opened.map(|(journal, _)| journal).map_err(StartError::Journal)
}

/// The epoch of this start. Without a control plane it goes on with the newest dead one, whose
/// leases are all that there is to spend; else it is the next.
pub(super) fn begin(
    settings: &Settings,
    now: UnixMillis,
) -> Result<(Found, Epoch, Beginning), StartError> {
    let found = adopt_all(&settings.journal, &settings.folder, now);
    let mut found = found.map_err(StartError::Journal)?;
    let cores = settings.cores.len();
    let is_away = settings.alone.is_some_and(|alone| alone.is_control_away);
    let may_spend = is_away && contact::may_spend(saved::last_heard(&settings.folder), now);
    let going_on = may_spend.then(|| found.go_on(cores)).flatten();
    // The clock too, so that a directory that was wiped does not repeat an epoch.
    let next = Epoch(found.newest.0.saturating_add(1).max(now.seconds() as u32));
    let (epoch, beginning) = going_on.unwrap_or_else(|| {
        (next, Standing::default().reserve(cores, Vec::new()).unwrap_or_default())
    });
    if settings.alone.is_some() {
        beginning.standing.write(&settings.folder, epoch).map_err(StartError::Folder)?;
    }
    Ok((found, epoch, beginning))
}

/// What an epoch has of its leases when a process begins to write it.
pub(super) struct Leased {
    pub(super) spool: Spool,
    pub(super) left: Vec<(Arc<CreditCell>, Usd)>,
    pub(super) borrowed: Option<Borrowed>,
}

impl Leased {
    pub(super) fn of(settings: &Settings, beginning: &Beginning) -> Self {
        let Beginning { standing, first_ring, older } = beginning;
        let cell = |(purse, granted, left): &(Purse, Usd, Usd)| {
            let cell = CreditCell::new(*purse);
            cell.grant(left.pico_i64().unwrap_or(0));
            (Arc::new(cell), *granted)
        };
        let left: Vec<_> = standing.leases.iter().map(cell).collect();
        let cells = left.iter().map(|(cell, granted)| (cell.purse(), (Arc::clone(cell), *granted)));
        let borrowed = settings.alone.map(|_| Borrowed {
            folder: settings.folder.clone(),
            next_ring: standing.next_ring,
            cells: cells.collect(),
        });
        let cores = settings.cores.len();
        let spool = Spool::going_on(cores, *first_ring, standing.lease_seq, older.clone());
        Self { spool, left, borrowed }
    }
}

/// Where the figures of a running data plane are read.
#[derive(Clone)]
pub(super) struct Gauges {
    pub(super) cpus: Vec<usize>,
    pub(super) shared: Vec<Arc<Shared>>,
    pub(super) figures: Arc<Mutex<Figures>>,
    pub(super) link: Arc<LinkGauge>,
    pub(super) health: Arc<Health>,
}

impl Gauges {
    /// Those of these cores.
    fn new(cpus: &[usize], shared: Vec<Arc<Shared>>, health: Arc<Health>) -> Self {
        let figures = Figures { is_sound: true, ..Figures::default() };
        let figures = Arc::new(Mutex::new(figures));
        Self { cpus: cpus.to_vec(), shared, figures, link: Arc::default(), health }
    }

    /// What reports from another thread.
    pub(super) fn reporter(&self) -> Box<dyn FnMut() -> StatusReport + Send> {
        let gauges = self.clone();
        let mut place = 0;
        Box::new(move || {
            let (report, next) = gauges.report((place, ENDPOINTS_TOLD));
            place = next;
            report
        })
    }

    /// How the data plane is, with so many endpoints from a place on, and the place of the next;
    /// after the last it is the first again. The longest commit is counted from the last report.
    pub(super) fn report(&self, place: (usize, usize)) -> (StatusReport, usize) {
        let core = |(cpu, counts): (&usize, &Arc<Shared>)| CoreReport {
            core: *cpu as u32,
            connections: counts.connections.load(Ordering::Relaxed),
            in_flight: counts.running.load(Ordering::Relaxed),
            requests: counts.requests.load(Ordering::Relaxed),
            ends: counts.ends(),
        };
        let mut journal = JournalReport {
            unsettled: self.link.unsettled.load(Ordering::Relaxed),
            ..JournalReport::default()
        };
        if let Ok(mut figures) = self.figures.lock() {
            journal.writable = figures.is_sound;
            journal.batches = figures.batches;
            journal.slowest_commit_us = std::mem::take(&mut figures.slowest_commit_us);
        }
        let cores = self.cpus.iter().zip(&self.shared).map(core).collect();
        let (endpoints, next) = self.health.report(place, now());
        let next = if endpoints.len() < place.1 { 0 } else { next };
        (StatusReport { cores, endpoints, journal, ..StatusReport::default() }, next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_a_dead_process_lets_go_of_is_waited_for() {
        let dying = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = dying.local_addr().unwrap();
        let end = thread::spawn(move || {
            thread::sleep(FREE_PAUSE * 3);
            drop(dying);
        });
        assert_eq!(free_address(address).unwrap(), address);
        end.join().unwrap();
    }
}
