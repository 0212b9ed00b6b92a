//! The mock provider: one thread on the driver's core that answers as fast as it can be read.
//!
//! Answers are rendered once. Paced streams share one timer; each is at another part of an
//! interval, so that events of several streams do not arrive together, as they would not from a
//! real provider.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::Failure;
use crate::answer::find;
use crate::bodies::{self, EVENTS, EVENTS_OPEN, Kind};
use crate::connection::{Connection, wait};

const LISTENER: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;
/// Between two events of a paced stream.
const PACE: Duration = Duration::from_millis(10);
/// Paced streams whose events fall apart; any few of them that follow each other are well apart
/// where each begins so many phases behind the one before (nearly the golden section).
const PHASES: u32 = 320;
const STRIDE: u32 = 197;

/// The mock provider, running until the process ends.
pub(crate) struct Mock {
    pub address: SocketAddr,
    paced_events: Arc<AtomicU64>,
}

impl Mock {
    /// Starts it on `core`.
    pub(crate) fn start(core: usize) -> Result<Self, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let paced_events = Arc::new(AtomicU64::new(0));
        let mut server = Server::new(listener, Arc::clone(&paced_events))?;
        thread::Builder::new().name("mock".to_owned()).spawn(move || {
            let ended = crate::usage::pin_thread(core).and_then(|()| server.run());
            if let Err(failure) = ended {
                eprintln!("load: the mock provider ended: {failure}");
            }
        })?;
        Ok(Self { address, paced_events })
    }

    /// Events that paced streams have sent since the start.
    pub(crate) fn paced_events(&self) -> u64 {
        self.paced_events.load(Ordering::Relaxed)
    }
}

struct Server {
    listener: TcpListener,
    epoll: Epoll,
    timer: TimerFd,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    answers: Vec<(Kind, Vec<u8>)>,
    paced: Paced,
}

/// Streams that wait for their next event.
struct Paced {
    due: BinaryHeap<Reverse<(Instant, usize, usize)>>,
    phase: u32,
    events: Vec<Vec<u8>>,
    sent: Arc<AtomicU64>,
}

impl Server {
    fn new(listener: TcpListener, sent: Arc<AtomicU64>) -> Result<Self, Failure> {
        listener.set_nonblocking(true)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let events = (0..EVENTS).map(|index| bodies::chunk(&bodies::event(Kind::Paced, index)));
        let paced = Paced { due: BinaryHeap::new(), phase: 0, events: events.collect(), sent };
        let answers = Kind::ALL.map(|kind| (kind, answer(kind))).to_vec();
        let (connections, free) = (Vec::new(), Vec::new());
        Ok(Self { listener, epoll, timer, connections, free, answers, paced })
    }

    fn run(&mut self) -> Result<(), Failure> {
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let count = wait(&self.epoll, &mut events, EpollTimeout::NONE)?;
            for event in &events[..count] {
                match event.data() {
                    LISTENER => self.accept()?,
                    TIMER => self.send_due()?,
                    token => self.serve(usize::try_from(token)?)?,
                }
            }
        }
    }

    fn accept(&mut self) -> Result<(), Failure> {
        while let Ok((socket, _)) = self.listener.accept() {
            let place = self.free.pop().unwrap_or(self.connections.len());
            let connection = Connection::watch(socket, &self.epoll, place as u64)?;
            if place == self.connections.len() {
                self.connections.push(None);
            }
            self.connections[place] = Some(connection);
        }
        Ok(())
    }

    fn serve(&mut self, place: usize) -> Result<(), Failure> {
        let Some(connection) = self.connections.get_mut(place).and_then(Option::as_mut) else {
            return Ok(());
        };
        let alive = connection.flush().and_then(|()| connection.fill()).unwrap_or(false);
        while let Some((len, kind)) = request(&connection.received)? {
            connection.received.drain(..len);
            let answer = self.answers.iter().find(|(known, _)| *known == kind);
            if answer.is_some_and(|(_, bytes)| connection.send(bytes).is_err()) {
                break;
            }
            if kind == Kind::Paced {
                self.paced.begin(place);
            }
        }
        if !alive {
            self.connections[place] = None;
            self.free.push(place);
            self.paced.forget(place);
        }
        self.arm()
    }

    /// Sends every paced event whose time has come.
    fn send_due(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        while let Some(Reverse((due, place, index))) = self.paced.due.peek().copied() {
            if due > now {
                break;
            }
            self.paced.due.pop();
            let Some(Some(connection)) = self.connections.get_mut(place) else {
                continue;
            };
            let last = index + 1 == EVENTS;
            let sent = connection.send(&self.paced.events[index]).is_ok();
            self.paced.sent.fetch_add(1, Ordering::Relaxed);
            if last {
                let mut end = bodies::chunk(&bodies::stream_tail(Kind::Paced));
                end.extend_from_slice(b"0\r\n\r\n");
                let _ = connection.send(&end); // a client that is gone shows at its next event
            } else if sent {
                self.paced.due.push(Reverse((due + PACE, place, index + 1)));
            }
        }
        self.arm()
    }

    fn arm(&self) -> Result<(), Failure> {
        let Some(Reverse((due, ..))) = self.paced.due.peek() else {
            return Ok(self.timer.unset()?);
        };
        let wait = due.saturating_duration_since(Instant::now()).as_nanos().max(1);
        let wait = TimeSpec::nanoseconds(i64::try_from(wait)?);
        Ok(self.timer.set(Expiration::OneShot(wait), TimerSetTimeFlags::empty())?)
    }
}

impl Paced {
    fn begin(&mut self, place: usize) {
        let phase = PACE * self.phase / PHASES;
        self.phase = (self.phase + STRIDE) % PHASES;
        self.due.push(Reverse((Instant::now() + PACE + phase, place, 0)));
    }

    /// Drops what a connection that is gone would have been sent: its place goes to another one.
    fn forget(&mut self, place: usize) {
        self.due.retain(|Reverse((_, waiting, _))| *waiting != place);
    }
}

/// The whole answer to a kind of request; of streams that take their time, the beginning.
fn answer(kind: Kind) -> Vec<u8> {
    if !kind.is_stream() {
        let body = bodies::answer_body(kind);
        let len = body.len();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
        return format!("{head} {len}\r\n\r\n{body}").into_bytes();
    }
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut bytes = head.as_bytes().to_vec();
    let events = match kind {
        Kind::Burst => EVENTS,
        Kind::Open => EVENTS_OPEN,
        _ => 0,
    };
    for index in 0..events {
        bytes.extend(bodies::chunk(&bodies::event(kind, index)));
    }
    if kind == Kind::Burst {
        bytes.extend(bodies::chunk(&bodies::stream_tail(kind)));
        bytes.extend_from_slice(b"0\r\n\r\n");
    }
    bytes
}

/// The length and the kind of the request at the front of `received`, once it is all there.
fn request(received: &[u8]) -> Result<Option<(usize, Kind)>, Failure> {
    let Some(head_len) = find(received, b"\r\n\r\n").map(|at| at + 4) else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&received[..head_len])?;
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let length = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let (_, length) = length.ok_or_else(|| format!("a request without length: {head}"))?;
    let len = head_len + length.trim().parse::<usize>()?;
    if received.len() < len {
        return Ok(None);
    }
    let body = &received[head_len..len];
    let kind = Kind::ALL.into_iter().find(|kind| find(body, kind.model().as_bytes()).is_some());
    Ok(Some((len, kind.ok_or("a request for a model that the mock does not know")?)))
}
