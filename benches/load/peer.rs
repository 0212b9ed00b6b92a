//! What is measured: Tollgate, nginx as a plain proxy, or the mock without anything between.

mod nginx;
mod tollgate;

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::Failure;
use crate::bodies::Kind;
use crate::usage;

const START: Duration = Duration::from_secs(20);
const STOP: Duration = Duration::from_secs(20);

/// A server that is measured, already warm and ready.
pub(crate) struct Peer {
    pub name: &'static str,
    /// For requests answered whole.
    pub whole: SocketAddr,
    /// For streams.
    pub streamed: SocketAddr,
    /// What its clients show; several, so that no key's own limit is met.
    pub keys: Vec<String>,
    running: Option<Running>,
}

/// A process of ours and the folder that goes with it.
struct Running {
    child: Child,
    folder: PathBuf,
}

impl Peer {
    /// Nothing between driver and mock: the path that latency is compared with.
    pub(crate) fn direct(mock: SocketAddr, keys: &[String]) -> Self {
        let (name, keys) = ("direct", keys.to_vec());
        Self { name, whole: mock, streamed: mock, keys, running: None }
    }

    pub(crate) fn nginx(mock: SocketAddr, folder: &Path) -> Result<Self, Failure> {
        nginx::start(mock, folder)
    }

    pub(crate) fn tollgate(
        name: &'static str,
        mock: SocketAddr,
        folder: &Path,
        binary: &Path,
    ) -> Result<Self, Failure> {
        tollgate::start(name, mock, folder, binary)
    }

    pub(crate) const fn address(&self, kind: Kind) -> SocketAddr {
        if kind.is_stream() { self.streamed } else { self.whole }
    }

    /// The processes whose cost counts; none for the direct path.
    pub(crate) fn processes(&self) -> Result<Vec<u32>, Failure> {
        self.running.as_ref().map_or(Ok(Vec::new()), |running| usage::family(running.child.id()))
    }
}

impl Running {
    /// Starts `command` with its output in `folder`, and waits until `address` is open.
    fn start(mut command: Command, folder: &Path, address: SocketAddr) -> Result<Self, Failure> {
        let log = fs::File::create(folder.join("output.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let mut running = Self { child: command.spawn()?, folder: folder.to_owned() };
        let end = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            if running.child.try_wait()?.is_some() || Instant::now() > end {
                let said = fs::read_to_string(folder.join("output.log"))?;
                return Err(format!("{command:?} does not listen:\n{said}").into());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let process = i32::try_from(self.child.id()).map(Pid::from_raw);
        let _ = process.map(|process| kill(process, Signal::SIGTERM));
        let end = Instant::now() + STOP;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill(); // one that has ended refuses this
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Addresses on which nobody listens; held together until all are known.
fn free_addresses<const N: usize>() -> Result<[SocketAddr; N], Failure> {
    let held = (0..N).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>()?;
    let addresses = held.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>()?;
    addresses.try_into().map_err(|_| "fewer addresses than asked for".into())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    Ok(fs::File::create(path)?.write_all(text.as_bytes())?)
}
