//! `tollgate serve`: both planes and, if asked for, the simulator, in one process.
//!
//! Order of a start: files read and checked, simulator, control plane, catalog, demo account, data
//! plane; what cannot work is said before anything is promised. Order of a stop: the data plane
//! drains and ships what it has, then the control plane writes its checkpoint.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use catalog::compile::CompileOptions;
use dataplane::{Alone, Brand, Notice, Settings};
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use crate::config::{Config, Cores, DATA_DIRECTORY, DRAIN_SECONDS, Link, Mistake};
use crate::signals::{self, Stop};
use crate::{catalog_file, demo, profile, say};

/// How often the data plane is looked at for what ends the process.
const LOOK: Duration = Duration::from_millis(250);
/// How long a data plane may take from its start until it listens.
const LISTEN_WITHIN: Duration = Duration::from_secs(30);

/// Runs until a signal asks for a stop.
///
/// # Errors
/// Why it does not start.
pub fn serve(config: Option<&Path>, data: Option<&Path>) -> Result<(), Mistake> {
    let config = config.map_or_else(|| Ok(Config::sandbox()), Config::read)?;
    notice::set(config.log.level, config.log.format);
    let data = data.map_or_else(|| PathBuf::from(DATA_DIRECTORY), Path::to_owned);
    if config.link != Link::default() {
        let remedy = "remove [link], or run `tollgate controlplane` and `tollgate dataplane`";
        return Err(Mistake(format!("serve has both planes in one process; {remedy}")));
    }
    let profile = profile::read(&config.brand.profile)?;
    let options = CompileOptions { multiplier: profile.control.multiplier };
    let file = config.brand.catalog.as_deref().map(|path| catalog_file::read(path, &options));
    let file = file.transpose()?;
    let stop = signals::listen().map_err(told)?;
    let sandbox = config.brand.sandbox.then(start_sandbox).transpose()?;
    let rows = sandbox.as_ref().map(|handle| catalog_file::sandbox(handle.addr())).transpose()?;

    let control = control_settings(&config, &data, profile.control)?;
    let control = controlplane::start(control).map_err(told)?;
    let commands = control.commands();
    catalog_file::apply(&commands, file.as_ref(), rows).map_err(told)?;
    let key = sandbox.as_ref().map(|_| demo::prepare(&commands, &data)).transpose()?;
    let settings = data_settings(&config, &data, profile.brand, None)?;
    let plane = dataplane::start(settings, Vec::new(), |to_data| Ok(control.attach(to_data)));
    let plane = plane.map_err(told)?;
    wait_until_listening(&plane)?;
    let (customers, operators) = (plane.address(), control.admin_addr());
    match key {
        Some(key) => say(&demo::welcome(customers, operators, &data, &key)),
        None => notice::info!("customers http://{customers}, operators http://{operators}"),
    }
    let ended = until_asked(stop, &plane);
    notice::info!("draining");
    plane.drain();
    control.stop();
    drop(sandbox);
    ended
}

/// Serves until a signal asks for a stop. A data plane that its own ledger would not have any more
/// ends the process, so that whoever watches over it starts both anew.
fn until_asked(stop: Stop, plane: &dataplane::Running) -> Result<(), Mistake> {
    let (asks, asked) = mpsc::channel();
    thread::spawn(move || {
        stop.wait();
        // Whoever waited may have ended for another reason.
        let _ = asks.send(());
    });
    loop {
        match plane.notice() {
            Some(Notice::Refused(why)) => return Err(Mistake(why)),
            Some(Notice::Fenced) => {
                return Err(Mistake("the ledger has taken the data plane's leases back".into()));
            }
            None if asked.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) => {}
            None => return Ok(()),
        }
    }
}

/// A fault as a mistake.
pub fn told(fault: impl std::fmt::Display) -> Mistake {
    Mistake(fault.to_string())
}

fn start_sandbox() -> Result<sandbox::Handle, Mistake> {
    sandbox::spawn(([127, 0, 0, 1], 0).into(), sandbox::Settings::visible())
        .map_err(|fault| Mistake(format!("the sandbox does not start: {fault}")))
}

/// What a control plane of this configuration is started with.
///
/// # Errors
/// A master key cannot be read.
pub fn control_settings(
    config: &Config,
    data: &Path,
    profile: controlplane::Profile,
) -> Result<controlplane::Settings, Mistake> {
    let token = std::env::var("TOLLGATE_ADMIN_TOKEN").ok().filter(|token| !token.is_empty());
    Ok(controlplane::Settings {
        admin_token: token.map(controlplane::Secret::new),
        master_keys: config.secrets.master_keys()?,
        profile,
        retention_days: config.retention.requests_days,
        data_planes_min: 1,
        ..controlplane::Settings::new(config.listen.admin, data)
    })
}

/// What a data plane of this configuration is started with.
///
/// # Errors
/// It names CPUs that this process may not use, or a master key that cannot be read.
pub fn data_settings(
    config: &Config,
    data: &Path,
    brand: Brand,
    alone: Option<Alone>,
) -> Result<Settings, Mistake> {
    Ok(Settings {
        dataplane: config.dataplane.id,
        listen: config.listen.data,
        tls: config.listen.tls.clone(),
        cores: chosen_cores(&config.dataplane.cores)?,
        driver: config.dataplane.driver,
        journal: data.join("journal").join("dataplane"),
        folder: data.join("dataplane"),
        alone,
        durability: config.dataplane.durability,
        input_bound: config.dataplane.input_bound,
        partial_failure: config.dataplane.partial_failure,
        receipts: config.dataplane.receipts,
        region: config.dataplane.region.clone(),
        master_keys: config.secrets.master_keys()?,
        drain_seconds: config.dataplane.drain_seconds.unwrap_or(DRAIN_SECONDS),
        brand,
        limits: config.limits.clone(),
    })
}

/// The CPUs that carry a worker, of those that this process may use.
///
/// # Errors
/// It may not use as many, or not those.
pub fn chosen_cores(cores: &Cores) -> Result<Vec<usize>, Mistake> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(told)?;
    let all: Vec<usize> =
        (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or(false)).collect();
    match cores {
        Cores::Auto => Ok(all),
        Cores::Count(count) if *count <= all.len() => Ok(all[..*count].to_vec()),
        Cores::Count(count) => Err(Mistake(format!(
            "[dataplane] cores = {count}: this process may use {} CPUs; lower it or widen them",
            all.len()
        ))),
        Cores::List(list) => match list.iter().find(|cpu| !all.contains(cpu)) {
            None => Ok(list.clone()),
            Some(cpu) => Err(Mistake(format!(
                "[dataplane] cores: CPU {cpu} is not one that this process may use ({all:?})"
            ))),
        },
    }
}

fn wait_until_listening(plane: &dataplane::Running) -> Result<(), Mistake> {
    let end = Instant::now() + LISTEN_WITHIN;
    while !plane.is_listening() {
        if let Some(Notice::Refused(why)) = plane.notice() {
            return Err(Mistake(why));
        }
        if Instant::now() >= end {
            return Err(Mistake("the data plane does not come up; see the messages above".into()));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}
