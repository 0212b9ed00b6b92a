//! The loop: drain, fold, one write, one sync, then everything that waited for it.
//!
//! ```text
//!   queue ─▶ commands first, then link messages up to a budget
//!            each: check ─ event ─ books.apply ─ register.apply ─ bytes of the batch
//!         ─▶ journal: write + sync            (a failure that lasts: HALTED, nothing is answered)
//!         ─▶ publications, grants, acknowledgements, answers   in the order of their causes
//!         ─▶ view
//! ```
//!
//! Invariants: nothing leaves before the events it rests on are on disk; books in memory are never
//! behind the journal and, while running, ahead of it by one batch at most. A halted ledger keeps
//! refusing until the process is started again, when the books are read back from the disk.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use ledger::books::{Applied, Books, BooksError};
use ledger::event::Event;
use ledger::expiry::Expiries;
use link::{Outbox, ToControl, ToData};
use seal::MasterKeys;
use tokio::sync::OwnedSemaphorePermit;
use units::{AccountId, UnixMillis};

use super::audit::Expected;
use super::command::Command;
use super::links::Links;
use super::register::{News, Register};
use super::retention::Days;
use super::view::ViewState;
use super::waiting::Waiting;
use crate::clock;
use crate::refuse::Refusal;
use crate::settings::Profile;
use crate::store::embedded::{Checkpointed, LedgerJournal, Projection, View, frame};

/// Records of data planes that are taken before commands are looked at again.
const RECORDS_A_TURN: u64 = 2048;
/// How often the clock's own events are looked for: periods, expiries, waits that are over.
const TICK: Duration = Duration::from_millis(250);

/// What comes in.
pub(crate) enum Input {
    Command(Command),
    Attached {
        link: u64,
        outbox: Outbox<ToData>,
    },
    /// A link is down.
    Detached {
        link: u64,
    },
    FromData {
        link: u64,
        message: ToControl,
        /// Makes room for the peer's next messages when this one was heard.
        room: Option<OwnedSemaphorePermit>,
    },
    ViewBuilt(Result<View, String>),
    Compare(Expected),
    Checkpointed(Checkpointed),
    /// Ends the thread; with a checkpoint, or as it stands.
    Stop {
        checkpoint: bool,
        done: Sender<()>,
    },
}

/// Something that waits for the disk.
pub(crate) enum After {
    Send {
        link: u64,
        message: ToData,
    },
    /// Tells a data plane where the ledger stands, and all it serves by.
    Welcome {
        link: u64,
    },
    /// Tells it only where the ledger stands.
    Marks {
        link: u64,
    },
    Publish {
        generation: u64,
        news: News,
    },
    Answer(Answer),
    /// Answered when every linked data plane has the generation.
    AnswerWhenApplied {
        generation: u64,
        answer: Answer,
    },
}

/// Sends an answer.
pub(crate) type Answer = Box<dyn FnOnce() + Send>;

/// What a start hands to the thread.
pub(crate) struct Opened {
    pub(crate) books: Books,
    pub(crate) register: Register,
    pub(crate) journal: LedgerJournal,
    /// The number of the next event.
    pub(crate) order: u64,
    /// The last day whose periods have begun.
    pub(crate) periods: u32,
    pub(crate) expiries: Expiries,
    pub(crate) days: Days,
    pub(crate) profile: Profile,
    pub(crate) checkpoint_bytes: u64,
    pub(crate) data_planes_min: usize,
    pub(crate) retention_days: u32,
    pub(crate) master_keys: Option<MasterKeys>,
    pub(crate) address: SocketAddr,
}

/// The thread's state: everything that the ledger is.
pub(crate) struct Ledger {
    pub(crate) books: Books,
    pub(crate) register: Register,
    pub(crate) journal: LedgerJournal,
    pub(crate) view: ViewState,
    pub(crate) links: Links,
    pub(crate) waiting: Waiting,
    pub(crate) profile: Profile,
    pub(crate) figures: Figures,
    pub(crate) periods: u32,
    pub(crate) expiries: Expiries,
    pub(crate) last_account: AccountId,
    pub(crate) days: Days,
    pub(crate) queue: Sender<Input>,
    pub(crate) now: UnixMillis,
    /// What seals provider keys.
    pub(crate) master_keys: Option<MasterKeys>,
    /// Where the account API is answered.
    pub(super) address: SocketAddr,
    pub(super) checkpoint_bytes: u64,
    pub(super) data_planes_min: usize,
    pub(super) retention_days: u32,
    pub(super) order: u64,
    pub(super) batch: Batch,
    pub(super) after: Vec<After>,
    pub(super) view_written: Instant,
    /// The disk is full: the batch waits, and nothing new is taken in.
    pub(super) is_stalled: bool,
    pub(super) halted: Option<String>,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) events: u64,
    pub(crate) records: u64,
    pub(crate) refused: u64,
}

/// Events that are not yet on disk.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<u8>,
    pub(super) count: u32,
    pub(super) projection: Projection,
}

impl Batch {
    /// Forgets everything; the room stays.
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.count = 0;
        self.projection.clear();
    }
}

/// Commands and what happens to links, told apart so that the first never wait for the second.
#[derive(Default)]
struct Backlog {
    commands: VecDeque<Command>,
    messages: VecDeque<(u64, OnLink)>,
}

/// What happens to a link, in its order: what was said before an end counts.
enum OnLink {
    Attached(Outbox<ToData>),
    Said(ToControl, Option<OwnedSemaphorePermit>),
    Detached,
}

impl Ledger {
    pub(crate) fn new(opened: Opened, queue: Sender<Input>) -> Self {
        let last_account = opened.books.account_ids().last().copied().unwrap_or_default();
        Self {
            last_account,
            books: opened.books,
            register: opened.register,
            view: ViewState::building(&opened.journal, &queue),
            journal: opened.journal,
            links: Links::new(clock::now()),
            waiting: Waiting::default(),
            profile: opened.profile,
            figures: Figures::default(),
            periods: opened.periods,
            expiries: opened.expiries,
            days: opened.days,
            queue,
            now: clock::now(),
            master_keys: opened.master_keys,
            address: opened.address,
            checkpoint_bytes: opened.checkpoint_bytes,
            data_planes_min: opened.data_planes_min,
            retention_days: opened.retention_days,
            order: opened.order,
            batch: Batch::default(),
            after: Vec::new(),
            view_written: Instant::now(),
            is_stalled: false,
            halted: None,
        }
    }

    /// Runs until a stop.
    pub(crate) fn run(mut self, inputs: &Receiver<Input>) {
        let mut backlog = Backlog::default();
        let mut next_tick = Instant::now() + TICK;
        loop {
            let wait = if backlog.messages.is_empty() || self.is_stalled {
                next_tick.saturating_duration_since(Instant::now())
            } else {
                Duration::ZERO
            };
            let first = match inputs.recv_timeout(wait) {
                Ok(input) => Some(input),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.now = clock::now().max(self.now);
            let stop = self.sort(first, inputs, &mut backlog);
            self.turn(&mut backlog);
            if Instant::now() >= next_tick {
                self.tick();
                next_tick = Instant::now() + TICK;
            }
            if let Some((checkpoint, done)) = stop {
                while !backlog.messages.is_empty() && self.halted.is_none() && !self.is_stalled {
                    self.turn(&mut backlog);
                }
                self.close(checkpoint);
                // Whoever stops us may have gone.
                let _ = done.send(());
                return;
            }
        }
    }

    /// Takes what has come in; answers with the stop, if that came.
    fn sort(
        &mut self,
        first: Option<Input>,
        inputs: &Receiver<Input>,
        backlog: &mut Backlog,
    ) -> Option<(bool, Sender<()>)> {
        for input in first.into_iter().chain(inputs.try_iter()) {
            match input {
                Input::Command(command) => backlog.commands.push_back(command),
                Input::FromData { link, message, room } => {
                    backlog.messages.push_back((link, OnLink::Said(message, room)));
                }
                Input::Attached { link, outbox } => {
                    backlog.messages.push_back((link, OnLink::Attached(outbox)));
                }
                Input::Detached { link } => backlog.messages.push_back((link, OnLink::Detached)),
                Input::ViewBuilt(built) => self.view_built(built),
                Input::Compare(expected) => self.compare(expected),
                Input::Checkpointed(done) => self.checkpointed(done),
                Input::Stop { checkpoint, done } => return Some((checkpoint, done)),
            }
        }
        None
    }

    /// One batch: all commands, then link messages up to a budget.
    fn turn(&mut self, backlog: &mut Backlog) {
        if self.halted.is_some() {
            // Dropped commands answer by themselves that the ledger is not there.
            backlog.commands.clear();
            backlog.messages.clear();
            return;
        }
        if self.is_stalled {
            self.commit();
        }
        if self.is_stalled {
            // As above. What data planes say is kept; they send no more than a window ahead.
            backlog.commands.clear();
            return;
        }
        self.begin_periods();
        self.begin_free_requests();
        for command in backlog.commands.drain(..) {
            self.obey(command);
            self.commit_if_long();
        }
        let end = self.figures.records + RECORDS_A_TURN;
        while self.figures.records < end {
            match backlog.messages.pop_front() {
                None => break,
                Some((link, OnLink::Attached(outbox))) => self.links.attach(link, outbox),
                Some((link, OnLink::Detached)) => self.links.drop_link(link),
                Some((link, OnLink::Said(message, room))) => {
                    self.hear(link, message);
                    drop(room);
                    self.commit_if_long();
                }
            }
        }
        self.commit();
    }

    fn tick(&mut self) {
        if self.halted.is_some() || self.is_stalled {
            return;
        }
        self.expire_credits();
        self.retry_recalls();
        self.reclaim_lost();
        let gaps = self.waiting.gaps().into_iter();
        gaps.for_each(|link| self.after(After::Marks { link }));
        self.commit();
        if self.halted.is_some() || self.is_stalled {
            return;
        }
        self.write_view();
        self.waiting.settle(&self.links, Instant::now());
        self.checkpoint_if_due();
    }

    /// Books an event: folds it in and adds it to the batch.
    ///
    /// # Errors
    /// The books refused it; nothing has changed.
    pub(crate) fn book(&mut self, event: &Event) -> Result<Applied, BooksError> {
        let applied = self.books.apply(event)?;
        match &applied {
            Applied::Nothing | Applied::Repeated(_) => return Ok(applied),
            Applied::Transacted(row) => self.expiries.note(row),
            _ => {}
        }
        match self.register.apply(event, &self.books) {
            Ok(News::None) => {}
            Ok(news) => {
                self.after.push(After::Publish { generation: self.register.generation, news });
            }
            Err(why) => self.halt(format!("an event of ours cannot be read: {why}")),
        }
        let mut encoded = Ok(());
        frame(&mut self.batch.records, |out| encoded = event.encode(out));
        if let Err(fault) = encoded {
            self.halt(fault.to_string());
        }
        if let Event::Settled { run, .. } = event
            && self.view.is_live()
        {
            let end = self.batch.records.len();
            self.batch.projection.add(self.order, self.books.ended(), (run, end));
        }
        self.batch.count += 1;
        self.order += 1;
        self.figures.events += 1;
        Ok(applied)
    }

    /// Remembers what is to happen once the events so far are on disk.
    pub(crate) fn after(&mut self, after: After) {
        self.after.push(after);
    }

    pub(super) fn halt(&mut self, why: String) {
        notice::error!("the ledger has stopped: {why}");
        self.halted.get_or_insert(why);
    }
}

/// What the books' refusal means for whoever asked.
pub(crate) fn refused(error: BooksError) -> Refusal {
    match error {
        BooksError::UnknownAccount(account) => Refusal::not_found("account", account),
        BooksError::UnknownGeneration(generation) => Refusal::not_found("generation", generation),
        BooksError::ReferenceTaken { .. }
        | BooksError::NotEnough { .. }
        | BooksError::NotPayable(_) => Refusal::Conflict(error.to_string()),
        BooksError::BadAmount(_) | BooksError::Overflow => {
            Refusal::invalid("amount", error.to_string())
        }
        BooksError::Broken { .. } => Refusal::Conflict(error.to_string()),
        error => Refusal::Unavailable(error.to_string()),
    }
}
