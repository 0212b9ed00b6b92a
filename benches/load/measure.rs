//! The measurements, in the order of the table.
//!
//! CPU time is taken in short turns: the machine's pace changes within seconds, and turns of a
//! fifth of one meet the same pace. A peer's work counts whenever it is done, so what it leaves for
//! later falls on it and not on whoever has the next turn. Paced streams cannot pause: there each
//! peer has one turn, as it has for memory and latency.

use std::net::SocketAddr;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::Failure;
use crate::bodies::{self, EVENTS, Kind};
use crate::driver::{Driver, Target};
use crate::mock::Mock;
use crate::peer::Peer;
use crate::report::{Figure, Results};
use crate::settings::Settings;
use crate::usage::{self, CpuTime};

/// The gateway's core, and ours.
const CORE_DRIVER: usize = 1;
/// Connections, and streams at once, of the CPU figures.
const CONNECTIONS: usize = 64;
/// Paced streams at once where they keep a core busy.
const DENSE: usize = 320;
/// Connections that wait for a request at a fixed rate.
const IDLE: usize = 32;
const RATE: u32 = 500;
/// One peer's turn where CPU time is measured.
const TURN: Duration = Duration::from_millis(200);
/// A paced stream takes a second: long enough before measuring for all of them to run.
const PACED_WARM: Duration = Duration::from_millis(1500);
/// Until a peer has released what closed connections held.
const QUIET: Duration = Duration::from_millis(500);

/// Everything that runs, and how long to measure it.
pub(crate) struct Bench<'a> {
    settings: &'a Settings,
    mock: Mock,
    direct: Peer,
    peers: Vec<Peer>,
}

impl<'a> Bench<'a> {
    pub(crate) fn start(settings: &'a Settings) -> Result<Self, Failure> {
        if std::thread::available_parallelism()?.get() < 2 {
            return Err("one core is not enough: the driver needs its own".into());
        }
        let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
        setrlimit(Resource::RLIMIT_NOFILE, most.min(65_536), most)?;
        let mock = Mock::start(CORE_DRIVER)?;
        let mut peers = Vec::new();
        for name in settings.peers()? {
            peers.push(start(name, "load", settings, mock.address)?);
        }
        let keys = peers.first().map(|peer| peer.keys.clone()).ok_or("no such peer")?;
        for nginx in peers.iter_mut().filter(|peer| peer.name == "nginx") {
            nginx.keys.clone_from(&keys); // the same bytes as to the gateway
        }
        let direct = Peer::direct(mock.address, &keys);
        usage::pin_thread(CORE_DRIVER)?;
        Ok(Self { settings, mock, direct, peers })
    }

    /// Every figure that is wanted, once for every peer.
    pub(crate) fn round(&self, results: &mut Results) -> Result<(), Failure> {
        let wanted = |figure: &Figure| self.settings.figures.contains(figure);
        for figure in [Figure::Small, Figure::Large, Figure::Burst].iter().filter(|it| wanted(it)) {
            self.in_turns(*figure, results)?;
        }
        for figure in [(Figure::Paced, CONNECTIONS), (Figure::Dense, DENSE)] {
            for peer in self.peers.iter().filter(|_| wanted(&figure.0)) {
                self.paced(peer, figure, results).map_err(named(peer))?;
            }
        }
        for peer in &self.peers {
            if wanted(&Figure::Memory) {
                let memory = self.memory(peer.name).map_err(named(peer))?;
                results.add(peer.name, Figure::Memory, memory);
            }
        }
        if wanted(&Figure::AddedMedian) {
            self.added_latency(results)?;
        }
        Ok(())
    }

    /// Microseconds of CPU a request or event, and requests or events a second.
    fn in_turns(&self, figure: Figure, results: &mut Results) -> Result<(), Failure> {
        let kind = figure.kind();
        let requests = self.peers.iter().map(|peer| requests(kind, peer)).collect::<Vec<_>>();
        let mut drivers = Vec::new();
        for (peer, requests) in self.peers.iter().zip(&requests) {
            let mut driver = Driver::connect(target(peer, kind, requests), CONNECTIONS)?;
            driver.keep_busy(self.settings.warm).map_err(named(peer))?;
            driver.finish().map_err(named(peer))?;
            drivers.push((Usage::begin(peer)?, 0, driver));
        }
        let turns = self.settings.measured.as_nanos().div_ceil(TURN.as_nanos());
        for _ in 0..turns {
            for (peer, (_, answers, driver)) in self.peers.iter().zip(&mut drivers) {
                *answers += driver.keep_busy(TURN).map_err(named(peer))?;
                *answers += driver.finish().map_err(named(peer))?;
            }
        }
        let each = if kind == Kind::Burst { EVENTS as u64 } else { 1 };
        for (usage, answers, driver) in drivers {
            results.reconnected(driver.reconnects());
            usage.end(figure, answers * each, self.settings.measured, results)?;
        }
        Ok(())
    }

    /// Microseconds of CPU an event, and events a second, of streams that all run at once.
    fn paced(
        &self,
        peer: &Peer,
        (figure, streams): (Figure, usize),
        results: &mut Results,
    ) -> Result<(), Failure> {
        let requests = requests(Kind::Paced, peer);
        let mut driver = Driver::connect(target(peer, Kind::Paced, &requests), streams)?;
        driver.keep_busy(PACED_WARM)?;
        let (usage, events) = (Usage::begin(peer)?, self.mock.paced_events());
        driver.keep_busy(self.settings.measured)?;
        results.reconnected(driver.reconnects());
        let events = self.mock.paced_events() - events;
        usage.end(figure, events, self.settings.measured, results)
    }

    /// KiB that a stream takes while it is open, in a process that has not yet seen any load: what
    /// one has kept of earlier connections would otherwise be taken for free.
    fn memory(&self, name: &'static str) -> Result<f64, Failure> {
        usage::unpin_thread()?;
        let peer = &start(name, "memory", self.settings, self.mock.address)?;
        usage::pin_thread(CORE_DRIVER)?;
        let whole = requests(Kind::Small, peer);
        Driver::connect(target(peer, Kind::Small, &whole), 1)?.keep_busy(self.settings.warm)?;
        let requests = requests(Kind::Open, peer);
        let processes = peer.processes()?;
        std::thread::sleep(QUIET);
        let before = usage::memory_kib(&processes)?;
        let mut driver =
            Driver::connect(target(peer, Kind::Open, &requests), self.settings.streams)?;
        driver.hold_open()?;
        std::thread::sleep(QUIET);
        let after = usage::memory_kib(&processes)?;
        Ok((after as f64 - before as f64) / self.settings.streams as f64)
    }

    /// Microseconds that a peer adds to the time of the direct path.
    fn added_latency(&self, results: &mut Results) -> Result<(), Failure> {
        let direct = self.latency(&self.direct)?;
        for peer in &self.peers {
            let through = self.latency(peer).map_err(named(peer))?;
            results.add(peer.name, Figure::AddedMedian, through.0 - direct.0);
            results.add(peer.name, Figure::AddedWorst, through.1 - direct.1);
        }
        Ok(())
    }

    /// Median and 99th percentile in microseconds at a fixed rate.
    fn latency(&self, peer: &Peer) -> Result<(f64, f64), Failure> {
        let requests = requests(Kind::Small, peer);
        let mut driver = Driver::connect(target(peer, Kind::Small, &requests), IDLE)?;
        driver.at_rate(RATE, self.settings.warm)?;
        let mut latencies = driver.at_rate(RATE, self.settings.measured)?;
        latencies.sort_unstable();
        let at = |percent: usize| {
            let place = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(place).map(|latency| latency.as_secs_f64() * 1e6)
        };
        at(50).zip(at(99)).ok_or_else(|| "not one answer arrived".into())
    }
}

/// What a peer has used since it began to be measured.
struct Usage<'a> {
    peer: &'a Peer,
    processes: Vec<u32>,
    before: CpuTime,
}

impl<'a> Usage<'a> {
    fn begin(peer: &'a Peer) -> Result<Self, Failure> {
        let processes = peer.processes()?;
        let before = CpuTime::of(&processes)?;
        Ok(Self { peer, processes, before })
    }

    /// Divides it among `count` answers or events, which came within `time`.
    fn end(
        self,
        figure: Figure,
        count: u64,
        time: Duration,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let used = CpuTime::of(&self.processes)?.since(&self.before);
        let name = self.peer.name;
        if count == 0 {
            return Err(format!("{name}: not one answer arrived").into());
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        results.add(name, figure, each(used.total));
        for (thread, time) in &used.threads {
            results.add_thread(name, figure, thread, each(*time));
        }
        results.add_rate(name, figure, count as f64 / time.as_secs_f64());
        Ok(())
    }
}

/// Starts a peer of that name, with a folder of its own for this use.
fn start(
    name: &'static str,
    purpose: &str,
    settings: &Settings,
    mock: SocketAddr,
) -> Result<Peer, Failure> {
    let folder = settings.data_folder.join(format!("{purpose}-{name}"));
    let binary = match name {
        "nginx" => return Peer::nginx(mock, &folder),
        "beside" => settings.beside.as_ref().ok_or("`beside` is named with --beside FILE")?,
        _ => &settings.binary,
    };
    Peer::tollgate(name, mock, &folder, binary)
}

fn requests(kind: Kind, peer: &Peer) -> Vec<Vec<u8>> {
    peer.keys.iter().map(|key| bodies::request(kind, key)).collect()
}

fn target<'a>(peer: &Peer, kind: Kind, requests: &'a [Vec<u8>]) -> Target<'a> {
    Target { address: peer.address(kind), kind, requests }
}

fn named(peer: &Peer) -> impl Fn(Failure) -> Failure {
    let name = peer.name;
    move |failure| format!("{name}: {failure}").into()
}
