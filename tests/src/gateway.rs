//! The real binary, run on a config of its own: started, watched, killed and started again. It may
//! be a whole gateway or one plane of it.
//!
//! Invariants: the process ends with its `Gateway`, by its own id; its folder goes with it, unless
//! the test is failing: then both the folder and the log's end are shown.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::admin::{Account, Admin};
use crate::client::{Answer, Client, ask, chat_request};
use crate::config::{Config, tail};
use crate::wait_for;

/// The admin token of every gateway under test.
pub const TOKEN: &str = "test-admin-token";
/// How long a start may take.
const START: Duration = Duration::from_secs(20);
/// How long an end may take that was asked for.
const STOP: Duration = Duration::from_secs(20);
/// How long money may take to show.
const SETTLE: Duration = Duration::from_secs(5);
/// Where a binary that counts what of it runs writes its counts, at its end (LLVM's name).
const RECORDED: &str = "LLVM_PROFILE_FILE";
/// How long it may take then.
const LAST_WORDS: Duration = Duration::from_secs(3);
/// Lines of the log that a failing test shows.
const TAIL: usize = 40;

/// A running gateway.
#[derive(Debug)]
pub struct Gateway {
    /// What it was told.
    pub config: Config,
    /// Its admin port.
    pub admin: Admin,
    child: Option<Child>,
    /// Another process on the same config and data, while neither has ended.
    successor: Option<Child>,
    log: PathBuf,
}

impl Gateway {
    /// Starts it and waits until it is ready.
    pub fn start(config: Config) -> Self {
        config.write();
        let admin = Admin::new(config.admin_addr, TOKEN);
        let log = config.folder.join("log.txt");
        let mut gateway = Self { config, admin, child: None, successor: None, log };
        gateway.run();
        gateway
    }

    /// Starts what will not run; what it says on its way out.
    pub fn start_in_vain(config: Config) -> String {
        config.write();
        let admin = Admin::new(config.admin_addr, TOKEN);
        let log = config.folder.join("log.txt");
        let mut gateway = Self { config, admin, child: None, successor: None, log };
        gateway.spawn();
        let status = wait_for("it ends at its start", START, || gateway.ended());
        assert_eq!(status.code(), Some(1), "{}", gateway.log());
        gateway.log()
    }

    /// Starts what cannot become ready, lets it wait, and asks it to end; how it ended.
    pub fn start_and_stop(config: Config) -> ExitStatus {
        config.write();
        let admin = Admin::new(config.admin_addr, TOKEN);
        let log = config.folder.join("log.txt");
        let mut gateway = Self { config, admin, child: None, successor: None, log };
        gateway.spawn();
        wait_for("it lives", START, || {
            std::net::TcpStream::connect(gateway.config.admin_addr).ok()?;
            (gateway.admin.call("GET", "/livez", &Value::Null).status() == 200).then_some(())
        });
        let ready = gateway.admin.call("GET", "/readyz", &Value::Null);
        assert_eq!(ready.status(), 503, "{}", ready.text());
        gateway.stop()
    }

    /// Starts another process on the same config and data, which takes over from this one; waits
    /// until this one has ended.
    pub fn hand_over(&mut self) {
        let mut old = self.child.take().expect("it runs");
        self.run();
        let status = wait_for("the old process ends", STOP, || old.try_wait().expect("its state"));
        assert!(status.success(), "{status}:\n{}", tail(&self.log, TAIL));
    }

    /// Starts another process on the same config and data, and waits for nothing.
    pub fn begin_successor(&mut self) {
        let first = self.child.take();
        self.spawn();
        self.successor = std::mem::replace(&mut self.child, first);
    }

    /// Asks the other process to end, if it has not ended by itself; how it ended.
    pub fn end_successor(&mut self, is_asked: bool) -> ExitStatus {
        let mut other = self.successor.take().expect("it was begun");
        if is_asked {
            kill(Pid::from_raw(other.id().cast_signed()), Signal::SIGTERM).expect("it is asked");
        }
        wait_for("the other process ends", STOP, || other.try_wait().expect("its state is known"))
    }

    /// Asks the first process to end; the other takes its place when it is ready.
    pub fn succeed(&mut self) {
        let status = self.stop();
        assert!(status.success(), "{status}:\n{}", tail(&self.log, TAIL));
        self.child = self.successor.take();
        self.wait_until_ready();
    }

    /// How it ended by itself, once it has.
    pub fn end_by_itself(&mut self) -> ExitStatus {
        let status = wait_for("it ends by itself", STOP, || self.ended());
        self.child = None;
        status
    }

    /// Starts it again on the same config and data; it must have ended before.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        self.run();
    }

    fn spawn(&mut self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log");
        let child = Command::new(binary())
            .arg(self.config.part.command())
            .arg("--config")
            .arg(self.config.folder.join("tollgate.toml"))
            .arg("--data")
            .arg(self.config.data_folder())
            .current_dir(&self.config.folder)
            .env("TOLLGATE_ADMIN_TOKEN", TOKEN)
            .envs(self.config.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{:?}: {error}", binary())));
    }

    fn run(&mut self) {
        self.spawn();
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        wait_for("the gateway is ready", START, || {
            if let Some(status) = self.ended() {
                panic!("it ended at its start with {status}:\n{}", tail(&self.log, TAIL));
            }
            std::net::TcpStream::connect(self.config.admin_addr).ok()?;
            (self.admin.call("GET", "/readyz", &Value::Null).status() == 200).then_some(())
        });
    }

    /// The id of its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Ends it at once (SIGKILL): what is not on disk is lost.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("the signal is sent");
        child.wait().expect("it ends");
    }

    /// Sends it SIGKILL while others still talk to it; [`Gateway::kill`] waits for its end.
    pub fn strike(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Asks it to end (SIGTERM), and does not wait.
    pub fn term(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Lets it stand still, as a machine does that has lost its network.
    pub fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid().cast_signed()), signal).expect("the signal is sent");
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.term();
        let status = wait_for("the gateway ends", STOP, || self.ended());
        self.child = None;
        status
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().expect("its state is known")
    }

    /// A connection to the data port.
    pub fn connect(&self) -> Client {
        Client::connect(self.config.data_addr)
    }

    /// One chat request, answered whole.
    pub fn chat(&self, key: &str, body: &Value) -> Answer {
        ask(self.config.data_addr, &chat_request(key, body))
    }

    /// The account once no hold is open any more and `done` says so.
    pub fn settled(&self, account: &str, done: impl Fn(&Account) -> bool) -> Account {
        wait_for("the account settles", SETTLE, || {
            Some(self.admin.account(account)).filter(|told| told.held.is_zero() && done(told))
        })
    }

    /// All that the process wrote so far.
    pub fn log(&self) -> String {
        fs::read(&self.log)
            .map(|log| String::from_utf8_lossy(&log).into_owned())
            .unwrap_or_default()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        for mut child in self.child.take().into_iter().chain(self.successor.take()) {
            if std::env::var_os(RECORDED).is_some() {
                let_end(&mut child);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            let folder = self.config.folder.display();
            eprintln!("the gateway of {folder} wrote last:\n{}", tail(&self.log, TAIL));
        } else {
            let _ = fs::remove_dir_all(&self.config.folder);
        }
    }
}

/// Asks a process to end, and waits a moment for it.
fn let_end(child: &mut Child) {
    let asked = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
    let began = Instant::now();
    while asked.is_ok() && matches!(child.try_wait(), Ok(None)) && began.elapsed() < LAST_WORDS {
        thread::sleep(Duration::from_millis(10));
    }
}

/// The binary under test: `TOLLGATE_BIN`, or the one beside the test's own, or that of the other
/// profile.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TOLLGATE_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("the program's own path");
    // Beside a bench; above a test, which stands in a folder of its profile.
    let above = own.ancestors().skip(1).take(3).map(Path::to_owned);
    let folders = above.flat_map(|it| [it.join("release"), it.join("debug"), it]);
    let binaries: Vec<_> = folders.map(|folder| folder.join("tollgate")).collect();
    let built = binaries.iter().find(|path| path.is_file());
    built.unwrap_or_else(|| panic!("no binary in {binaries:?}: build it first")).clone()
}
