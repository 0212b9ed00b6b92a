//! The view as the ledger thread holds it.
//!
//! ```text
//!   BUILDING ── built, and brought up to the journal ──▶ LIVE
//!      ▲  commands that need it wait                       │ sled fails, or a rebuild is asked for
//!      └───────────────────────────────────────────────────┘
//! ```
//!
//! Invariant: a live view has every batch that is on disk, so an answer from it is as true as one
//! from the books.

use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use journal::BatchPosition;

use super::command::Command;
use super::thread::{Input, Ledger};
use crate::refuse::Refusal;
use crate::store::embedded::{
    Folders, LedgerJournal, Projection, View, ViewError, build, catch_up,
};

/// Batches that the ledger thread reads itself; more go back to the builder.
const CATCH_UP_BATCHES: u64 = 256;

/// How often what was gathered for the view is written, so that a crash leaves little to repeat.
const WRITE_EVERY: Duration = Duration::from_secs(1);
/// How long a view that could not be built is left alone.
const BUILD_AGAIN: Duration = Duration::from_secs(5);

/// The view, there or on its way.
pub(crate) enum ViewState {
    /// A thread builds it; these commands wait for it.
    Building(Vec<Command>),
    /// It has all that the journal has.
    Live(View),
}

impl ViewState {
    /// Begins to build, or to bring up what is there.
    pub(crate) fn building(journal: &LedgerJournal, queue: &Sender<Input>) -> Self {
        spawn_builder(journal.folders().clone(), journal.durable(), queue.clone(), Duration::ZERO);
        Self::Building(Vec::new())
    }

    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Live(_))
    }

    /// The last batch in it.
    pub(crate) fn applied(&self) -> u64 {
        match self {
            Self::Live(view) => view.applied(),
            Self::Building(_) => 0,
        }
    }

    /// Keeps a command until the view is there.
    pub(crate) fn park(&mut self, command: Command) {
        if let Self::Building(parked) = self {
            parked.push(command);
        }
    }

    pub(crate) fn flush(&mut self) {
        if let Self::Live(view) = self
            && let Err(error) = view.flush()
        {
            notice::warn!("the view was not flushed: {}", error.0);
        }
    }
}

fn spawn_builder(folders: Folders, durable: u64, queue: Sender<Input>, wait: Duration) {
    thread::spawn(move || {
        thread::sleep(wait);
        let built = build(&folders, durable);
        // A ledger that has ended needs no view.
        let _ = queue.send(Input::ViewBuilt(built));
    });
}

impl Ledger {
    /// Takes the builder's view, brings it up, and does what waited for it.
    pub(crate) fn view_built(&mut self, built: Result<View, String>) {
        let mut view = match built {
            Ok(view) => view,
            Err(why) => {
                notice::error!("the view cannot be built: {why}");
                // What waits for it is refused by being dropped, and may ask again.
                self.view = ViewState::Building(Vec::new());
                self.spawn_builder(BUILD_AGAIN);
                return;
            }
        };
        let (has, durable) = (view.applied(), self.journal.durable());
        if durable.saturating_sub(has) > CATCH_UP_BATCHES {
            drop(view);
            self.spawn_builder(Duration::ZERO);
            return;
        }
        if has < durable {
            let first = self.journal.oldest().max(has + 1);
            let brought = catch_up(&mut view, |take| self.journal.replay(first, take));
            if let Err(why) = brought {
                notice::warn!("the view cannot be brought up: {why}");
                drop(view);
                self.build_anew();
                return;
            }
        }
        let parked = std::mem::replace(&mut self.view, ViewState::Live(view));
        if let ViewState::Building(commands) = parked {
            commands.into_iter().for_each(|command| self.obey(command));
        }
    }

    /// Adds a batch that has just been written.
    pub(crate) fn add_to_view(&mut self, batch: &mut Projection, at: BatchPosition) {
        let ViewState::Live(view) = &mut self.view else { return };
        if view.applied() + 1 == at.number.get()
            && let Err(error) = view.add(batch, at)
        {
            self.view_failed(&error);
        }
    }

    /// Writes what was gathered for the view, if that is due.
    pub(crate) fn write_view(&mut self) {
        if self.view_written.elapsed() < WRITE_EVERY {
            return;
        }
        self.view_written = Instant::now();
        if let ViewState::Live(view) = &mut self.view
            && let Err(error) = view.write()
        {
            self.view_failed(&error);
        }
    }

    /// Looks something up; a view that fails is built again.
    pub(crate) fn viewed<T>(
        &mut self,
        look: impl FnOnce(&View) -> Result<T, ViewError>,
    ) -> Result<T, Refusal> {
        let ViewState::Live(view) = &mut self.view else {
            return Err(Refusal::Unavailable("its view is being built".into()));
        };
        view.write().and_then(|()| look(view)).map_err(|error| self.view_failed(&error))
    }

    /// Has a view that failed built again; what is said to who asked it.
    pub(super) fn view_failed(&mut self, error: &ViewError) -> Refusal {
        notice::warn!("the view failed and is built again: {}", error.0);
        self.build_anew();
        Refusal::Unavailable("its view failed and is being built again".into())
    }

    /// Throws the view away and has another built; commands that wait for one keep waiting.
    pub(crate) fn build_anew(&mut self) {
        let old = std::mem::replace(&mut self.view, ViewState::Building(Vec::new()));
        match old {
            ViewState::Building(parked) => self.view = ViewState::Building(parked),
            ViewState::Live(view) => drop(view),
        }
        if let Err(why) = View::discard(&self.journal.folders().view) {
            notice::warn!("the old view cannot be removed: {why}");
        }
        self.spawn_builder(Duration::ZERO);
    }

    fn spawn_builder(&self, wait: Duration) {
        let folders = self.journal.folders().clone();
        spawn_builder(folders, self.journal.durable(), self.queue.clone(), wait);
    }
}
