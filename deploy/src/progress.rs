//! A sign of life for what takes longer than a second; on a terminal only.

use std::io::{IsTerminal, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::ProgressBar;

/// How long nothing is shown.
const QUIET: Duration = Duration::from_secs(1);
/// How often what is shown moves.
const TICK: Duration = Duration::from_millis(100);

/// Something that goes on until this is dropped.
pub struct Progress {
    count: Arc<AtomicU64>,
    shown: Option<Shown>,
}

struct Shown {
    /// Closing it ends the thread.
    going_on: Sender<()>,
    thread: JoinHandle<()>,
}

impl Progress {
    /// Begins to wait; `what` goes on.
    pub fn begin(what: &'static str) -> Self {
        let count = Arc::new(AtomicU64::new(0));
        let shown = stderr().is_terminal().then(|| show(what, Arc::clone(&count)));
        Self { count, shown }
    }

    /// So many more are done.
    pub fn add(&self, more: u64) {
        self.count.fetch_add(more, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(Shown { going_on, thread }) = self.shown.take() {
            drop(going_on);
            // Its end clears the line; one that panicked has nothing to clear.
            let _ = thread.join();
        }
    }
}

fn show(what: &'static str, count: Arc<AtomicU64>) -> Shown {
    let (going_on, end) = mpsc::channel();
    let thread = thread::spawn(move || {
        let goes_on = |wait| end.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
        if !goes_on(QUIET) {
            return;
        }
        let bar = ProgressBar::new_spinner();
        while goes_on(TICK) {
            bar.set_message(match count.load(Ordering::Relaxed) {
                0 => what.to_owned(),
                count => format!("{what}: {count}"),
            });
            bar.tick();
        }
        bar.finish_and_clear();
    });
    Shown { going_on, thread }
}
