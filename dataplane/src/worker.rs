//! One core: pin it, build its ring, own its state, serve until drained.
//!
//! Invariants: a core listens only when it has a generation to serve from; it takes no connection
//! beyond its bound; listeners are let go of before the drain waits for what was accepted.
//!
//! ```text
//!   built --first generation--> listening --stop----> draining --all done, or time is up--> over
//!                                   +-----retire--> lingering ----^
//! ```

use std::cell::RefCell;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
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

/// How long a connection that waits for its next request is kept by a core that retires: a request
/// that is on its way is answered, with word that it was the last.
const GRACE_MS: u64 = 2_000;

/// By then every core has noticed that all are to come to their end.
const NOTICED_MS: u64 = 20;
/// How often a core that drains looks whether anything still runs.
const DRAIN_LOOK_MS: u64 = 100;

/// What all cores are to do, set by another thread.
#[derive(Debug, Default)]
pub struct Course(AtomicU8);

const STOP: u8 = 1;
const RETIRE: u8 = 2;

impl Course {
    /// Listen no more, and come to an end.
    pub fn stop(&self) {
        self.0.store(STOP, Ordering::Release);
    }

    /// Come to an end; others listen on.
    pub fn retire(&self) {
        self.0.store(RETIRE, Ordering::Release);
    }

    /// Whether either was called.
    pub fn is_over(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    fn leaves_listeners(&self) -> bool {
        self.0.load(Ordering::Acquire) == RETIRE
    }
}

/// What a core is given, beside its parts.
pub struct Seat {
    /// The CPU.
    pub cpu: usize,
    /// What its local state is made of.
    pub parts: Parts,
    /// Where it accepts; bound already, so that a port in use is known at the start.
    pub listeners: Vec<TcpListener>,
    /// The newest certificate, where clients speak TLS.
    pub identity: Option<Reader<Identity>>,
    /// Which providers' certificates are trusted.
    pub trust: Trust,
    /// The clients that other cores send here.
    pub arrivals: Inbox<Parcel>,
    /// What others wake it with.
    pub doorbell: DoorbellSocket,
    /// What the core is to do.
    pub course: Arc<Course>,
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
        notice::warn!("core {}: {note}", seat.cpu);
    }
    ring.run(serve(seat))
}

async fn serve(seat: Seat) -> io::Result<()> {
    let Seat { parts, listeners, identity, trust, arrivals, doorbell, course, listening, .. } =
        seat;
    let local = Local::new(parts, trust);
    let upkeep = Gate::new();
    begin_upkeep(&local, &upkeep, doorbell);
    first_generation(&local, &course).await;
    let accepting = Gate::new();
    let certificate = Rc::new(RefCell::new(Certificate { reader: identity, newest: None }));
    let listeners = listeners.into_iter().map(Listener::from_std).map(|made| made.map(Rc::new));
    let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
    for listener in &listeners {
        let accept = accept_all(Rc::clone(&local), Rc::clone(listener), Rc::clone(&certificate));
        start(&accepting, "accept", accept);
    }
    listening.store(true, Ordering::Release);
    while !course.is_over() {
        local.generation();
        let rings = local.bell.rings();
        crossing::take_in(&local, &arrivals);
        if !course.is_over() {
            local.bell.wait_past(rings).await;
        }
    }
    local.begin_drain();
    leave(&local, listeners, &accepting).await;
    if course.leaves_listeners() {
        linger(&local, &arrivals).await;
    }
    drain(&local, &arrivals).await;
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
    start(upkeep, "ticker", async move {
        let fault = ticking.await;
        notice::error!("a core's clock stopped: {fault}");
    });
    start(upkeep, "bell", listening);
    start(upkeep, "usage", hand_on(Rc::clone(local)));
    start(upkeep, "turn", end_turns(Rc::clone(local)));
}

/// Starts a task, unless the gate is closed.
fn start(gate: &Gate, name: &'static str, task: impl Future<Output = ()> + 'static) {
    if let Some(pass) = gate.pass() {
        spawn(name, pass, task);
    }
}

/// Waits until there is something to serve from, or the core is to come to its end without.
async fn first_generation(local: &Local, course: &Course) {
    loop {
        let rings = local.bell.rings();
        if local.generation().is_some() || course.is_over() {
            return;
        }
        local.bell.wait_past(rings).await;
    }
}

async fn end_turns(local: Rc<Local>) {
    loop {
        local.turn.end().await;
        local.records.hand_over();
    }
}

async fn hand_on(local: Rc<Local>) {
    let mut sweep_at = SWEEP_MS;
    loop {
        local.deadlines.sleep(USAGE_MS).await;
        local.hand_on();
        if local.now_ms() >= sweep_at {
            sweep_at = local.now_ms() + SWEEP_MS;
            local.connections.sweep(local.now_ms());
            local.answers.sweep(local.now_ms());
        }
    }
}

/// The newest certificate, for every listener of the core.
struct Certificate {
    reader: Option<Reader<Identity>>,
    newest: Option<Arc<Identity>>,
}

impl Certificate {
    fn newest(&mut self) -> Option<Arc<Identity>> {
        if let Some(newest) = self.reader.as_mut().and_then(Reader::take) {
            self.newest = Some(newest);
        }
        self.newest.clone()
    }
}

async fn accept_all(
    local: Rc<Local>,
    listener: Rc<Listener>,
    certificate: Rc<RefCell<Certificate>>,
) {
    while !local.is_draining() {
        match listener.accept(&local.deadlines).await {
            Ok((socket, _)) => {
                let identity = certificate.borrow_mut().newest();
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

/// Accepts no more. Without other holders the sockets are closed then. A connection that was
/// accepted meanwhile is served.
async fn leave(local: &Local, listeners: Vec<Rc<Listener>>, accepting: &Gate) {
    listeners.iter().for_each(|listener| listener.let_go());
    while accepting.passes() > 0 {
        local.deadlines.sleep(1).await;
    }
}

/// Who waits for the next request has a while to send it: others serve on, and nobody need notice.
async fn linger(local: &Rc<Local>, arrivals: &Inbox<Parcel>) {
    let end_ms = local.now_ms() + GRACE_MS;
    while local.tasks.passes() > 0 && local.now_ms() < end_ms {
        crossing::take_in(local, arrivals);
        local.deadlines.sleep(50).await;
    }
}

/// Lets what runs come to its end, for as long as the settings allow. A core that has not yet
/// noticed may send a client meanwhile, which gets its answer like any that was accepted.
async fn drain(local: &Rc<Local>, arrivals: &Inbox<Parcel>) {
    local.begin_close();
    let end_ms = local.now_ms() + local.settings.drain_seconds * 1000;
    let mut wait_ms = NOTICED_MS;
    loop {
        crossing::take_in(local, arrivals);
        local.deadlines.sleep(wait_ms).await;
        local.deadlines.shut_idle();
        crossing::take_in(local, arrivals);
        if local.tasks.passes() == 0 || local.now_ms() >= end_ms {
            break;
        }
        wait_ms = DRAIN_LOOK_MS;
    }
    local.tasks.close();
    local.hand_on();
}
