//! What processes cost, from /proc: CPU time by thread, and memory; and pinning our own threads.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Failure;

/// CPU time of several processes, user and system: all of it, and of the threads that live, by
/// their names.
#[derive(Clone, Debug, Default)]
pub(crate) struct CpuTime {
    pub total: Duration,
    pub threads: BTreeMap<String, Duration>,
}

impl CpuTime {
    /// What the processes have used since they began.
    pub(crate) fn of(processes: &[u32]) -> Result<Self, Failure> {
        let mut threads: BTreeMap<String, Duration> = BTreeMap::new();
        let mut total = Duration::ZERO;
        for process in processes {
            let clock = clock_getcpuclockid(Pid::from_raw(i32::try_from(*process)?))?;
            total += Duration::from(clock.now()?);
            for entry in fs::read_dir(format!("/proc/{process}/task"))?.flatten() {
                let file = |name: &str| fs::read_to_string(entry.path().join(name));
                let (Ok(name), Ok(times)) = (file("comm"), file("schedstat")) else {
                    continue; // a thread that ended meanwhile
                };
                let nanos = times.split_whitespace().next().unwrap_or_default().parse()?;
                let name = name.trim().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
                *threads.entry(name.to_owned()).or_default() += Duration::from_nanos(nanos);
            }
        }
        Ok(Self { total, threads })
    }

    /// What was used between `earlier` and this; of threads that are gone, under "ended".
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let used = self.threads.iter().map(|(name, time)| {
            let before = earlier.threads.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        });
        let mut threads: BTreeMap<String, Duration> = used.collect();
        let total = self.total.saturating_sub(earlier.total);
        let living = threads.values().sum();
        threads.insert("ended".to_owned(), total.saturating_sub(living));
        Self { total, threads }
    }
}

/// The processes' memory in KiB, pages shared with others divided among them.
pub(crate) fn memory_kib(processes: &[u32]) -> Result<u64, Failure> {
    let mut total = 0;
    for process in processes {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        let kib = line.and_then(|rest| rest.split_whitespace().next()).ok_or("no Pss line")?;
        total += kib.parse::<u64>()?;
    }
    Ok(total)
}

/// A process and its children.
pub(crate) fn family(process: u32) -> Result<Vec<u32>, Failure> {
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children"))?;
    let children = children.split_whitespace().map(str::parse).collect::<Result<Vec<u32>, _>>()?;
    Ok([vec![process], children].concat())
}

/// Binds the calling thread to a core; what it starts from then on inherits that.
pub(crate) fn pin_thread(core: usize) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &cores)?)
}

/// Gives the calling thread every core again, so that a peer started from it chooses its own.
pub(crate) fn unpin_thread() -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    for core in 0..CpuSet::count() {
        cores.set(core)?;
    }
    Ok(sched_setaffinity(Pid::from_raw(0), &cores)?)
}
