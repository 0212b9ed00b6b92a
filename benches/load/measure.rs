//! The measurements, in the order of the table, each for one peer after the other.

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
/// What can be measured, in the order of the table.
const PEERS: [&str; 2] = ["tollgate", "nginx"];
/// Connections, and streams at once, of the CPU figures.
const CONNECTIONS: usize = 64;
/// Connections that wait for a request at a fixed rate.
const IDLE: usize = 32;
const RATE: u32 = 500;
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
        let wanted = |name: &str| settings.only.as_deref().is_none_or(|only| only == name);
        let mut peers = Vec::new();
        for name in PEERS.into_iter().filter(|name| wanted(name)) {
            peers.push(start(name, "load", settings, mock.address)?);
        }
        let keys = peers.first().map(|peer| peer.keys.clone()).ok_or("no such peer")?;
        for peer in &mut peers {
            peer.keys.clone_from(&keys); // the same bytes to everyone
        }
        let direct = Peer::direct(mock.address, &keys);
        usage::pin_thread(CORE_DRIVER)?;
        Ok(Self { settings, mock, direct, peers })
    }

    /// Every figure once for every peer.
    pub(crate) fn round(&self, results: &mut Results) -> Result<(), Failure> {
        for (kind, figure) in [
            (Kind::Small, Figure::Small),
            (Kind::Large, Figure::Large),
            (Kind::Burst, Figure::Burst),
            (Kind::Paced, Figure::Paced),
        ] {
            for peer in &self.peers {
                self.cpu(peer, kind, figure, results).map_err(named(peer))?;
            }
        }
        for peer in &self.peers {
            results.add(peer.name, Figure::Memory, self.memory(peer.name).map_err(named(peer))?);
        }
        let direct = self.latency(&self.direct)?;
        for peer in &self.peers {
            let through = self.latency(peer).map_err(named(peer))?;
            results.add(peer.name, Figure::AddedMedian, through.0 - direct.0);
            results.add(peer.name, Figure::AddedWorst, through.1 - direct.1);
        }
        Ok(())
    }

    /// Microseconds of CPU a request or event, and requests or events a second.
    fn cpu(
        &self,
        peer: &Peer,
        kind: Kind,
        figure: Figure,
        results: &mut Results,
    ) -> Result<(), Failure> {
        let requests = requests(kind, peer);
        let mut driver = Driver::connect(target(peer, kind, &requests), CONNECTIONS)?;
        driver.keep_busy(if kind == Kind::Paced { PACED_WARM } else { self.settings.warm })?;
        let processes = peer.processes()?;
        let (before, events) = (CpuTime::of(&processes)?, self.mock.paced_events());
        let answers = driver.keep_busy(self.settings.measured)?;
        let used = CpuTime::of(&processes)?.since(&before);
        let count = match kind {
            Kind::Paced => self.mock.paced_events() - events,
            Kind::Burst => answers * EVENTS as u64,
            _ => answers,
        };
        if count == 0 {
            return Err("not one answer arrived".into());
        }
        let each = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        results.add(peer.name, figure, each(used.total()));
        for (thread, time) in &used.threads {
            results.add_thread(peer.name, figure, thread, each(*time));
        }
        let rate = count as f64 / self.settings.measured.as_secs_f64();
        results.add_rate(peer.name, figure, rate, driver.reconnects());
        Ok(())
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

/// Starts a peer of that name, with a folder of its own for this use.
fn start(
    name: &str,
    purpose: &str,
    settings: &Settings,
    mock: SocketAddr,
) -> Result<Peer, Failure> {
    let folder = settings.data_folder.join(format!("{purpose}-{name}"));
    match name {
        "tollgate" => Peer::tollgate(mock, &folder, &settings.binary),
        _ => Peer::nginx(mock, &folder),
    }
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
