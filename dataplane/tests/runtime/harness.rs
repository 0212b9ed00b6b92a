//! One core per test and driver, with a fast ticker, and plain blocking peers.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dataplane::net::buffer::{Pool, PoolLimits};
use dataplane::net::deadline::{Deadlines, ticker};
use dataplane::net::ring::{Choice, Ring, RingSettings};
use dataplane::net::socket::Socket;
use dataplane::net::task::{Gate, spawn};

/// Longest a test may take before it counts as hung.
const HUNG: Duration = Duration::from_secs(30);

/// One tick of the tests' cores.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// What a core's tasks share.
pub(crate) struct Core {
    pub(crate) deadlines: Rc<Deadlines>,
    pub(crate) pool: Rc<Pool>,
    pub(crate) gate: Gate,
}

/// Runs `test` on each driver that the environment allows.
pub(crate) fn on_both(test: impl AsyncFnOnce(Core) + Copy + Send + 'static) {
    let choices = match Choice::from_environment().unwrap() {
        Choice::Auto => vec![Choice::Uring, Choice::Epoll],
        only => vec![only],
    };
    for choice in choices {
        let (done, finished) = mpsc::channel();
        let core = thread::spawn(move || {
            let settings = RingSettings { choice, ..RingSettings::default() };
            Ring::build(&settings).unwrap().run(test(core()));
            done.send(()).unwrap();
        });
        match finished.recv_timeout(HUNG) {
            Ok(()) => core.join().unwrap(),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("hung on {choice:?}"),
            Err(mpsc::RecvTimeoutError::Disconnected) => panic!("failed on {choice:?}"),
        }
    }
}

fn core() -> Core {
    Core { deadlines: Deadlines::new(), pool: Pool::new(PoolLimits::default()), gate: Gate::new() }
}

impl Core {
    /// Starts the ticker; call it first in a test that needs time.
    pub(crate) fn tick(&self) {
        let deadlines = Rc::clone(&self.deadlines);
        let pass = Gate::new().pass().unwrap();
        spawn("ticker", pass, async move {
            panic!("the ticker ended: {}", ticker(deadlines, TICK).await);
        });
    }

    /// A socket of ours and its blocking peer.
    pub(crate) fn pair(&self) -> (Socket, TcpStream) {
        let (ours, peer) = streams();
        (Socket::from_tcp(ours, &self.deadlines).unwrap(), peer)
    }
}

/// Two ends of a loopback connection.
pub(crate) fn streams() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (peer, _) = listener.accept().unwrap();
    (ours, peer)
}

/// Everything the peer receives until the end, on a thread of its own.
pub(crate) fn read_to_end(mut peer: TcpStream) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut received = Vec::new();
        // A reset ends the stream too; what came before it counts.
        let _ = peer.read_to_end(&mut received);
        received
    })
}
