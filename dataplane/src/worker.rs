//! One core: pin it, build its ring, own its state, serve until drained.
//!
//! Invariants: a core listens only when it has a generation to serve from; it takes no connection
//! beyond its bound; a listener is closed before the drain waits for what was accepted.
//!
//! ```text
//!   built --first generation--> listening --drain--> closing --all done, or time is up--> over
//! ```

use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use channel::{DoorbellSocket, Inbox, Reader};

use crate::client::Parcel;
use crate::connection;
use crate::crossing;
use crate::local::{Local, Parts};
use crate::net::bell;
use crate::net::deadline::ticker;
use crate::net::listener::Listener;
use crate::net::ring::{Choice, Ring, RingSettings};
use crate::net::socket::Socket;
use crate::net::task::{Gate, spawn};
use crate::net::trust::{Identity, Trust};
use crate::settings::Driver;

/// The clock's grain, and how late a deadline can be.
const TICK: Duration = Duration::from_millis(50);
/// How often usage counts are handed on.
const USAGE_MS: u64 = 100;
/// How often idle upstream connections are looked through.
const SWEEP_MS: u64 = 5_000;
/// A listener that cannot accept waits before it tries again.
const ACCEPT_PAUSE_MS: u64 = 100;

/// What a core is given, beside its parts.
pub struct Seat {
    /// The CPU.
    pub cpu: usize,
    /// What its local state is made of.
    pub parts: Parts,
    /// Where it accepts; bound already, so that a port in use is known at the start.
    pub listener: TcpListener,
    /// The newest certificate, where clients speak TLS.
    pub identity: Option<Reader<Identity>>,
    /// Which providers' certificates are trusted.
    pub trust: Trust,
    /// The clients that other cores send here.
    pub arrivals: Inbox<Parcel>,
    /// What others wake it with.
    pub doorbell: DoorbellSocket,
    /// Set when the core is to drain.
    pub draining: Arc<AtomicBool>,
    /// Set by the core when it listens.
    pub listening: Arc<AtomicBool>,
}

/// Runs a core on this thread until it is drained.
///
/// # Errors
/// The core cannot be pinned, or its runtime cannot be built.
pub fn run(seat: Seat) -> io::Result<()> {
    let choice = match seat.parts.settings.driver {
        Driver::Auto => Choice::from_environment()?,
        Driver::Epoll => Choice::Epoll,
    };
    let settings = RingSettings { cpu: Some(seat.cpu), choice, ..RingSettings::default() };
    let ring = Ring::build(&settings)?;
    if let Some(note) = ring.note() {
        eprintln!("tollgate: core {}: {note}", seat.cpu);
    }
    ring.run(serve(seat))
}

async fn serve(seat: Seat) -> io::Result<()> {
    let Seat { parts, listener, identity, trust, arrivals, doorbell, draining, listening, .. } =
        seat;
    let local = Local::new(parts, trust);
    let upkeep = Gate::new();
    begin_upkeep(&local, &upkeep, doorbell);
    first_generation(&local).await;
    let listener = Rc::new(Listener::from_std(listener)?);
    let accepting = accept_all(Rc::clone(&local), Rc::clone(&listener), identity);
    if let Some(pass) = upkeep.pass() {
        spawn("accept", pass, accepting);
    }
    listening.store(true, Ordering::Release);
    while !draining.load(Ordering::Acquire) {
        local.generation();
        let rings = local.bell.rings();
        crossing::take_in(&local, &arrivals);
        if !draining.load(Ordering::Acquire) {
            local.bell.wait_past(rings).await;
        }
    }
    drain(&local, &listener).await;
    Ok(())
}

/// Starts what runs beside the connections for as long as the core does.
fn begin_upkeep(local: &Rc<Local>, upkeep: &Gate, doorbell: DoorbellSocket) {
    let ticking = ticker(Rc::clone(&local.deadlines), TICK);
    let listening = {
        let local = Rc::clone(local);
        async move {
            let bell = Rc::clone(&local.bell);
            let _ = bell::listen(doorbell, bell, &local.pool, &local.deadlines).await;
        }
    };
    let handing_on = hand_on_usage(Rc::clone(local));
    if let (Some(first), Some(second), Some(third)) = (upkeep.pass(), upkeep.pass(), upkeep.pass())
    {
        spawn("ticker", first, async move {
            let fault = ticking.await;
            eprintln!("tollgate: a core's clock stopped: {fault}");
        });
        spawn("bell", second, listening);
        spawn("usage", third, handing_on);
    }
}

async fn first_generation(local: &Local) {
    loop {
        let rings = local.bell.rings();
        if local.generation().is_some() {
            return;
        }
        local.bell.wait_past(rings).await;
    }
}

async fn hand_on_usage(local: Rc<Local>) {
    let mut sweep_at = SWEEP_MS;
    loop {
        local.deadlines.sleep(USAGE_MS).await;
        local.hand_on_usage();
        if local.now_ms() >= sweep_at {
            sweep_at = local.now_ms() + SWEEP_MS;
            local.connections.sweep(local.now_ms());
            local.answers.sweep(local.now_ms());
        }
    }
}

async fn accept_all(
    local: Rc<Local>,
    listener: Rc<Listener>,
    mut certificate: Option<Reader<Identity>>,
) {
    let mut identity = None;
    while !local.is_draining() {
        match listener.accept(&local.deadlines).await {
            Ok((socket, _)) => {
                if let Some(newest) = certificate.as_mut().and_then(Reader::take) {
                    identity = Some(newest);
                }
                admit_connection(&local, socket, identity.as_deref());
            }
            Err(_) if local.is_draining() => return,
            Err(_) => local.deadlines.sleep(ACCEPT_PAUSE_MS).await,
        }
    }
}

fn admit_connection(local: &Rc<Local>, socket: Socket, identity: Option<&Identity>) {
    // Beyond the bound a connection is closed at once: it costs the least.
    if local.tasks.passes() >= local.settings.limits.connections {
        return;
    }
    let Some(pass) = local.tasks.pass() else { return };
    match identity {
        None => spawn("connection", pass, connection::serve(Rc::clone(local), socket)),
        Some(identity) => {
            let covered = connection::serve_tls(Rc::clone(local), socket, identity.clone());
            spawn("connection", pass, covered);
        }
    }
}

/// Lets what runs come to its end, for as long as the settings allow.
async fn drain(local: &Rc<Local>, listener: &Listener) {
    local.begin_drain();
    listener.close();
    local.tasks.close();
    let end_ms = local.now_ms() + local.settings.drain_seconds * 1000;
    while local.tasks.passes() > 0 && local.now_ms() < end_ms {
        local.deadlines.sleep(100).await;
        local.deadlines.shut_idle();
    }
    local.hand_on_usage();
}
