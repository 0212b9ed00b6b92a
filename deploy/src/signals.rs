//! The signals that ask for a stop: SIGTERM and SIGINT.

use std::io;

use tokio::runtime::{self, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waits for a signal that was listened for from the start on.
pub struct Stop {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

/// Begins to listen, so that no signal after this call is missed.
///
/// # Errors
/// The system gives no runtime or no handler.
pub fn listen() -> io::Result<Stop> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (terminate, interrupt) = {
        let _entered = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    Ok(Stop { runtime, terminate, interrupt })
}

impl Stop {
    /// Waits for the first of them.
    pub fn wait(mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        });
    }
}
