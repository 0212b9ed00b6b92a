//! What one core owns: its snapshot, its record ring, its pools, its counters.
//!
//! One value behind an `Rc`, given to every task of the core and to nothing else. Invariants: its
//! methods are synchronous and return owned values, so no borrow is ever held across a wait; what
//! it shares with other threads is single words and lock-free queues.
//! Left out on purpose: what the core does (`worker`), and the cells, which belong to all cores.

pub mod answers;
pub mod clock_text;
pub mod counters;
pub mod own_keys;
pub mod published;
pub mod recording;
pub mod records;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use channel::{Inlet, Mark, Reader};
use units::{DataPlaneId, Epoch, GenerationId};
use wire::gate::Gate;

use crate::client::Parcel;
use crate::guests::Guests;
use crate::health::Health;
use crate::health::retries::Retries;
use crate::net::bell::Bell;
use crate::net::buffer::Pool;
use crate::net::deadline::Deadlines;
use crate::net::task;
use crate::net::trust::Trust;
use crate::net::turn::Turn;
use crate::settings::Settings;
use crate::upstream::body::{Body, More};
use crate::upstream::dial::Dialler;
use crate::upstream::pool::Connections;
use answers::Answers;
use clock_text::ClockText;
use counters::Counters;
use published::Published;
use records::{Records, ToJournal};

/// Behind its end mark an answer is read so far at most; more is no end.
const FINISH_BYTES_MAX: usize = 4 << 10;
/// How long an answer may take from its end mark to its end, for its connection to be kept.
const FINISH_MS: u64 = 2_000;

/// A generation as this core holds it: one `Arc` for the core, an `Rc` for each request.
pub struct Generation(Arc<Published>);

impl Generation {
    /// What is served from.
    pub fn published(&self) -> &Published {
        &self.0
    }
}

/// Which process and core this is: the first three parts of every generation id.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The data plane.
    pub dataplane: DataPlaneId,
    /// This start of it.
    pub epoch: Epoch,
    /// This core's ring.
    pub ring: u16,
    /// This core's number, from zero.
    pub core: u16,
}

impl Place {
    /// The id of the generation whose hold has this sequence number.
    pub const fn generation(&self, seq: u64) -> GenerationId {
        GenerationId { dataplane: self.dataplane, epoch: self.epoch, ring: self.ring, seq }
    }
}

/// Everything one core owns.
pub struct Local {
    /// Which process and core this is.
    pub place: Place,
    /// The settings, the same on every core.
    pub settings: Arc<Settings>,
    /// The way to the journal.
    pub records: Records,
    /// Buffers.
    pub pool: Rc<Pool>,
    /// Deadlines and the clock.
    pub deadlines: Rc<Deadlines>,
    /// The core's turn: its time, and what is left for its end.
    pub turn: Rc<Turn>,
    /// Rings when another thread has something for this core.
    pub bell: Rc<Bell>,
    /// Makes upstream connections.
    pub dialler: Dialler,
    /// Idle upstream connections.
    pub connections: Connections,
    /// Tasks in flight.
    pub tasks: task::Gate,
    /// Answers by their idempotency keys.
    pub answers: Rc<Answers>,
    /// The way of a client to each core.
    pub neighbours: Vec<Inlet<Parcel>>,
    /// How endpoints and keys do; all cores share it.
    pub health: Arc<Health>,
    /// How guests who have no key stand; all cores share it.
    pub guests: Arc<Guests>,
    /// What may be tried again.
    pub retries: Retries,
    /// What happened.
    pub counters: Counters,
    /// The date header's text.
    pub clock_text: ClockText,
    /// The JSON gate, whose scratch memory all requests of the core share.
    pub gate: RefCell<Gate>,
    generation: RefCell<Option<Rc<Generation>>>,
    reader: RefCell<Reader<Published>>,
    applied: Arc<Mark>,
    draining: Cell<bool>,
    closing: Cell<bool>,
}

/// What a core is given when it starts.
pub struct Parts {
    /// Which process and core this is.
    pub place: Place,
    /// The settings.
    pub settings: Arc<Settings>,
    /// The way to the journal.
    pub records: ToJournal,
    /// Where generations arrive.
    pub reader: Reader<Published>,
    /// Where the core says which generation it serves from.
    pub applied: Arc<Mark>,
    /// Where the core counts.
    pub counters: Counters,
    /// The way of a client to each core, this one included.
    pub neighbours: Vec<Inlet<Parcel>>,
    /// How endpoints and keys do.
    pub health: Arc<Health>,
    /// How guests stand.
    pub guests: Arc<Guests>,
}

impl Local {
    /// The state of a core that has no generation yet.
    pub fn new(parts: Parts, trust: Trust) -> Rc<Self> {
        let Parts { place, settings, records, reader, applied, counters, neighbours, .. } = parts;
        let Parts { health, guests, .. } = parts;
        let limits = &settings.limits;
        let answers = Answers::new(limits);
        let pool = Pool::new(Default::default());
        let (deadlines, turn) = (Deadlines::new(), Turn::new());
        let dialler = Dialler {
            deadlines: Rc::clone(&deadlines),
            pool: Rc::clone(&pool),
            trust,
            connect_ms: limits.connect_ms,
            handshake_ms: limits.handshake_ms,
        };
        Rc::new(Self {
            dialler,
            place,
            records: Records::new(records, Rc::clone(&turn)),
            health,
            guests,
            retries: Retries::new(limits.retry_percent, limits.retries_per_second),
            connections: Connections::new(limits.idle_per_provider, limits.upstream_idle_ms),
            settings,
            pool,
            deadlines,
            turn,
            bell: Rc::new(Bell::new()),
            tasks: task::Gate::new(),
            answers,
            neighbours,
            counters,
            clock_text: ClockText::default(),
            gate: RefCell::new(Gate::new()),
            generation: RefCell::new(None),
            reader: RefCell::new(reader),
            applied,
            draining: Cell::new(false),
            closing: Cell::new(false),
        })
    }

    /// The newest generation; `None` until the first arrived.
    pub fn generation(&self) -> Option<Rc<Generation>> {
        if let Some(published) = self.reader.borrow_mut().take() {
            let number = published.generation;
            self.generation.replace(Some(Rc::new(Generation(published))));
            self.applied.publish(number);
        }
        self.generation.borrow().clone()
    }

    /// Takes no new connections; from now on every answer says that it is the last.
    pub fn begin_drain(&self) {
        self.draining.set(true);
    }

    /// Whether [`Self::begin_drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Waits for no connection's next request any more.
    pub fn begin_close(&self) {
        self.closing.set(true);
        self.deadlines.shut_idle();
    }

    /// Whether [`Self::begin_close`] was called.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Waits until the bell has rung more than `rings` times; false at `end_ms`. *resumable*
    pub async fn wait_for_bell(&self, rings: u64, end_ms: u64) -> bool {
        let nudge = self.deadlines.nudge();
        self.bell.wait_until(rings, &nudge, end_ms).await
    }

    /// Waits until the record `seq` of this core is on disk. *resumable*
    pub async fn until_durable(&self, seq: u64) {
        loop {
            let rings = self.bell.rings();
            if self.records.is_durable(seq) {
                return;
            }
            self.bell.wait_past(rings).await;
        }
    }

    /// Reads an answer whose end is near to that end beside the requests, so that its connection
    /// can serve again.
    pub fn finish_later(self: &Rc<Self>, mut body: Body) {
        let Some(pass) = self.tasks.pass() else { return };
        let local = Rc::clone(self);
        task::spawn("finish", pass, async move {
            let mut most = FINISH_BYTES_MAX;
            let end_ms = local.now_ms() + FINISH_MS;
            body.hurry(FINISH_MS);
            while most > 0
                && local.now_ms() < end_ms
                && body.more().await.is_ok_and(|more| more == More::Bytes)
            {
                // Nothing of worth follows the end mark.
                let rest = body.window().len();
                body.consume(rest);
                most = most.saturating_sub(rest);
            }
            if body.is_complete() {
                body.reuse(&local.connections);
            }
        });
    }

    /// Hands over what was recorded, and the usage counts, if there is room in the ring.
    pub fn hand_on(&self) {
        self.records.hand_over();
        self.counters.set_connections(self.tasks.passes());
        let rows = self.counters.take_usage();
        if !rows.is_empty()
            && let Err(rows) = self.records.usage(rows)
        {
            self.counters.return_usage(rows);
        }
    }

    /// Milliseconds since this core started, as of the last tick.
    pub fn now_ms(&self) -> u64 {
        self.deadlines.clock().now_ms()
    }
}
