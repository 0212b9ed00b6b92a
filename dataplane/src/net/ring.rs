//! One core's runtime: pinned, built on the thread that runs it, never dropped.
//!
//! Purpose: choose between io_uring and epoll, set the ring's flags, say in plain words when
//! io_uring was wanted and could not be had.
//! Invariants: a ring is used only by the thread that built it (the kernel checks); the runtime
//! has no timers of its own (see `deadline`); it is leaked after use, because the kernel may still
//! own buffers of reads that are parked in it.
//! Left out on purpose: supervision. A core that cannot run ends the process.

use std::cell::Cell;
use std::future::Future;
use std::{env, fmt, io};

use monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};

/// Which of the kernel's two interfaces a core uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// Completion: reads are given to the kernel with their buffer.
    Uring,
    /// Readiness: reads are tried and tried again.
    Epoll,
}

/// What the operator asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// io_uring where the kernel allows it, else epoll.
    #[default]
    Auto,
    /// io_uring or no start.
    Uring,
    /// epoll.
    Epoll,
}

impl Choice {
    /// `TOLLGATE_DRIVER`: `uring`, `epoll`, or `auto` as without it.
    ///
    /// # Errors
    /// Any other value.
    pub fn from_environment() -> io::Result<Self> {
        match env::var("TOLLGATE_DRIVER").as_deref() {
            Err(_) | Ok("" | "auto") => Ok(Self::Auto),
            Ok("uring") => Ok(Self::Uring),
            Ok("epoll") => Ok(Self::Epoll),
            Ok(other) => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("TOLLGATE_DRIVER is {other:?}, not uring, epoll or auto"),
            )),
        }
    }
}

/// How the kernel runs the end of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completion {
    /// By interrupting the thread: every kernel since 5.6.
    Interrupt,
    /// When the thread next enters the kernel (5.19).
    Cooperative,
    /// When the thread waits for completions, in one batch (6.1).
    #[default]
    Deferred,
}

/// How one core's runtime is made.
#[derive(Clone, Copy, Debug)]
pub struct RingSettings {
    /// The CPU to pin the thread to; `None` leaves it where it is.
    pub cpu: Option<usize>,
    /// io_uring or epoll.
    pub choice: Choice,
    /// The ring's way to complete; older kernels get the best they have.
    pub completion: Completion,
    /// Submission slots of the ring: operations queued between two waits.
    pub entries: u32,
}

impl Default for RingSettings {
    fn default() -> Self {
        Self { cpu: None, choice: Choice::Auto, completion: Completion::default(), entries: 4096 }
    }
}

/// A runtime, ready to run on this thread.
pub struct Ring {
    runtime: Built,
    note: Option<String>,
}

enum Built {
    Uring(Box<Runtime<IoUringDriver>>),
    Epoll(Box<Runtime<LegacyDriver>>),
}

thread_local! {
    static DRIVER: Cell<Driver> = const { Cell::new(Driver::Epoll) };
}

/// The driver of the ring that was built last on this thread.
pub(super) fn driver() -> Driver {
    DRIVER.get()
}

impl Ring {
    /// Pins this thread and builds its runtime.
    ///
    /// # Errors
    /// The CPU is not ours, or the kernel allows neither interface (or not the one demanded).
    pub fn build(settings: &RingSettings) -> io::Result<Self> {
        if let Some(cpu) = settings.cpu {
            monoio::utils::bind_to_cpu_set([cpu]).map_err(|errno| {
                let reason = io::Error::from(errno);
                io::Error::new(reason.kind(), format!("cannot pin to CPU {cpu}: {reason}"))
            })?;
        }
        let (runtime, note) = match settings.choice {
            Choice::Epoll => (epoll(settings)?, None),
            Choice::Uring => (uring(settings).map_err(forbidden)?, None),
            Choice::Auto => match uring(settings) {
                Ok(runtime) => (runtime, None),
                Err(fault) => (epoll(settings)?, Some(forbidden(fault).to_string())),
            },
        };
        let ring = Self { runtime, note };
        DRIVER.set(ring.driver());
        Ok(ring)
    }

    /// The interface in use.
    pub fn driver(&self) -> Driver {
        match self.runtime {
            Built::Uring(_) => Driver::Uring,
            Built::Epoll(_) => Driver::Epoll,
        }
    }

    /// What the operator should know: why epoll is used although io_uring was preferred.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Runs until `main` ends, then leaks the runtime: whoever calls this is about to exit.
    pub fn run<T>(self, main: impl Future<Output = T>) -> T {
        match self.runtime {
            Built::Uring(runtime) => Box::leak(runtime).block_on(main),
            Built::Epoll(runtime) => Box::leak(runtime).block_on(main),
        }
    }
}

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uring => "io_uring",
            Self::Epoll => "epoll",
        })
    }
}

fn epoll(settings: &RingSettings) -> io::Result<Built> {
    let builder = RuntimeBuilder::<LegacyDriver>::new().with_entries(settings.entries);
    Ok(Built::Epoll(Box::new(builder.build()?)))
}

/// The ring with the best flags the kernel takes, from the chosen ones down.
fn uring(settings: &RingSettings) -> io::Result<Built> {
    if !monoio::utils::detect_uring() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the kernel refuses to make a ring or lacks its operations",
        ));
    }
    let wanted = [Completion::Deferred, Completion::Cooperative, Completion::Interrupt];
    let skipped = wanted.iter().take_while(|way| **way != settings.completion).count();
    let mut last = Err(io::ErrorKind::Unsupported.into());
    for completion in &wanted[skipped..] {
        last = uring_with(*completion, settings.entries);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn uring_with(completion: Completion, entries: u32) -> io::Result<Built> {
    let mut flags = io_uring::IoUring::builder();
    match completion {
        Completion::Interrupt => {}
        Completion::Cooperative => {
            flags.setup_coop_taskrun();
        }
        Completion::Deferred => {
            flags.setup_single_issuer().setup_defer_taskrun();
        }
    }
    let builder = RuntimeBuilder::<IoUringDriver>::new().with_entries(entries).uring_builder(flags);
    Ok(Built::Uring(Box::new(builder.build()?)))
}

fn forbidden(fault: io::Error) -> io::Error {
    io::Error::new(
        fault.kind(),
        format!(
            "io_uring is not available ({fault}): allow it with sysctl kernel.io_uring_disabled=0 \
             and in the service's system call filter, and raise the locked-memory limit; \
             epoll serves instead, at a higher cost per request"
        ),
    )
}
