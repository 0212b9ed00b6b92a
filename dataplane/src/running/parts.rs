//! What a data plane is made of before any thread runs: cores, certificates, sockets, journal.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use channel::{
    Doorbell, DoorbellSocket, Inbox, Inlet, Mark, Publisher, Reader, Unparker, doorbell, latest,
    ring,
};
use journal::{Journal, JournalOptions, PlainDisk};
use link::{CoreReport, JournalReport, StatusReport};
use units::Epoch;

use super::StartError;
use crate::certificate::Certificate;
use crate::client::Parcel;
use crate::committer::{CoreRing, Figures};
use crate::local::counters::{Counters, Shared};
use crate::local::published::Published;
use crate::local::records::{Durable, Records};
use crate::local::{Parts, Place as Seat};
use crate::messages::LinkGauge;
use crate::net::listener::bind_shared;
use crate::net::trust::Identity;
use crate::settings::Settings;
use crate::uplink::adopt::directory_of;

/// Clients that may be on their way to one core.
const ARRIVALS: usize = 1024;
/// Connections that wait to be accepted.
const BACKLOG: i32 = 4096;

/// What one core's state is made of, what wakes it, and the clients that others send it.
pub(super) type Place = (Parts, DoorbellSocket, Inbox<Parcel>);

/// The cores before they run, and what other threads keep of them.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) seats: Vec<Place>,
    pub(super) rings: Vec<CoreRing>,
    pub(super) applied: Vec<Arc<Mark>>,
    pub(super) shared: Vec<Arc<Shared>>,
    pub(super) doorbells: Vec<Doorbell>,
    inlets: Vec<Inlet<Parcel>>,
}

pub(super) fn prepare(
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
            Seat { dataplane: settings.dataplane, epoch, ring: number as u16 },
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
        place: Seat,
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
fn free_address(listen: SocketAddr) -> io::Result<SocketAddr> {
    TcpListener::bind(listen)?.local_addr()
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

/// Where the figures of a running data plane are read.
#[derive(Clone)]
pub(super) struct Gauges {
    pub(super) cpus: Vec<usize>,
    pub(super) shared: Vec<Arc<Shared>>,
    pub(super) figures: Arc<Mutex<Figures>>,
    pub(super) link: Arc<LinkGauge>,
}

impl Gauges {
    /// Those of these cores.
    pub(super) fn new(cpus: &[usize], shared: Vec<Arc<Shared>>) -> Self {
        let figures = Figures { is_sound: true, ..Figures::default() };
        let figures = Arc::new(Mutex::new(figures));
        Self { cpus: cpus.to_vec(), shared, figures, link: Arc::default() }
    }

    /// How the data plane is. The longest commit is counted from the last report.
    pub(super) fn report(&self) -> StatusReport {
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
        StatusReport { cores, journal, ..StatusReport::default() }
    }
}
