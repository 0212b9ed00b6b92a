//! The load itself: connections kept busy, streams held open, requests sent at a fixed rate.
//!
//! Invariant: every answer that counts was checked whole. A connection that the peer closes
//! between two answers is opened again and counted; one closed inside an answer is a failure.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::time::{TimeSpec, TimeValLike};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::Failure;
use crate::answer;
use crate::bodies::Kind;
use crate::connection::{Connection, wait};

const TIMER: u64 = u64::MAX;
/// How long nothing at all may arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where requests go and what they are.
pub(crate) struct Target<'a> {
    pub address: SocketAddr,
    pub kind: Kind,
    /// One a key; connections take them in turn.
    pub requests: &'a [Vec<u8>],
}

/// Connections to one target.
pub(crate) struct Driver<'a> {
    target: Target<'a>,
    epoll: Epoll,
    clients: Vec<Client>,
    answers: u64,
    reconnects: u64,
}

struct Client {
    connection: Connection,
    /// When the running request was due; `None` between requests.
    due: Option<Instant>,
    opened: bool,
}

impl<'a> Driver<'a> {
    pub(crate) fn connect(target: Target<'a>, count: usize) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut driver = Self { target, epoll, clients: Vec::new(), answers: 0, reconnects: 0 };
        for place in 0..count {
            let client = driver.client(place)?;
            driver.clients.push(client);
        }
        Ok(driver)
    }

    /// Connections that had to be opened again.
    pub(crate) const fn reconnects(&self) -> u64 {
        self.reconnects
    }

    /// Asks again on every connection as soon as it was answered; the answers counted meanwhile.
    pub(crate) fn keep_busy(&mut self, time: Duration) -> Result<u64, Failure> {
        let before = self.answers;
        let end = Instant::now() + time;
        for place in 0..self.clients.len() {
            if self.clients[place].due.is_none() {
                self.ask(place, Instant::now())?;
            }
        }
        while Instant::now() < end {
            for place in self.wait(end.saturating_duration_since(Instant::now()))? {
                if self.receive(place)?.is_some() {
                    self.ask(place, Instant::now())?;
                }
            }
        }
        Ok(self.answers - before)
    }

    /// Waits for what was asked and is not yet answered; the answers counted meanwhile.
    pub(crate) fn finish(&mut self) -> Result<u64, Failure> {
        let before = self.answers;
        while self.clients.iter().any(|client| client.due.is_some()) {
            for place in self.wait(PATIENCE)? {
                self.receive(place)?;
            }
        }
        Ok(self.answers - before)
    }

    /// Asks once on every connection, and waits until every stream has begun.
    pub(crate) fn hold_open(&mut self) -> Result<(), Failure> {
        for place in 0..self.clients.len() {
            self.ask(place, Instant::now())?;
        }
        let end = Instant::now() + PATIENCE;
        while !self.clients.iter().all(|client| client.opened) {
            let left = end.saturating_duration_since(Instant::now());
            for place in self.wait(left)? {
                self.receive(place)?;
                let client = &mut self.clients[place];
                client.opened = answer::has_opened(&client.connection.received);
            }
            if left.is_zero() {
                let opened = self.clients.iter().filter(|client| client.opened).count();
                return Err(format!("{opened} of {} streams began", self.clients.len()).into());
            }
        }
        Ok(())
    }

    /// Asks `rate` times a second whatever the answers do; how long each took since it was due.
    pub(crate) fn at_rate(&mut self, rate: u32, time: Duration) -> Result<Vec<Duration>, Failure> {
        let step = Duration::from_secs(1) / rate;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK)?;
        let interval = TimeSpec::nanoseconds(i64::try_from(step.as_nanos())?);
        let mut due = Instant::now() + step;
        timer.set(Expiration::Interval(interval), TimerSetTimeFlags::empty())?;
        self.epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        let end = due + time;
        let mut latencies = Vec::new();
        while due < end || self.clients.iter().any(|client| client.due.is_some()) {
            for place in self.wait(PATIENCE)? {
                latencies.extend(self.receive(place)?);
            }
            let _ = nix::unistd::read(&timer, &mut [0; 8]); // the clock below tells what is due
            while due < end && due <= Instant::now() {
                let idle = self.clients.iter().position(|client| client.due.is_none());
                let place = idle.ok_or("no connection is free: the peer cannot keep this rate")?;
                self.ask(place, due)?;
                due += step;
            }
        }
        self.epoll.delete(&timer)?;
        Ok(latencies)
    }

    fn client(&self, place: usize) -> Result<Client, Failure> {
        let socket = TcpStream::connect(self.target.address)?;
        let connection = Connection::watch(socket, &self.epoll, place as u64)?;
        Ok(Client { connection, due: None, opened: false })
    }

    fn ask(&mut self, place: usize, due: Instant) -> Result<(), Failure> {
        let client = &mut self.clients[place];
        client.due = Some(due);
        client.connection.received.clear();
        Ok(client.connection.send(&self.target.requests[place % self.target.requests.len()])?)
    }

    /// The connections on which something happened.
    fn wait(&self, patience: Duration) -> Result<Vec<usize>, Failure> {
        let mut events = [EpollEvent::empty(); 256];
        let timeout = EpollTimeout::try_from(patience.min(PATIENCE))?;
        let count = wait(&self.epoll, &mut events, timeout)?;
        if count == 0 && patience >= PATIENCE {
            return Err(format!("nothing arrived for {PATIENCE:?}").into());
        }
        let places = events[..count].iter().map(EpollEvent::data).filter(|token| *token != TIMER);
        Ok(places.filter_map(|token| usize::try_from(token).ok()).collect())
    }

    /// Takes what arrived; the latency if that made an answer whole.
    fn receive(&mut self, place: usize) -> Result<Option<Duration>, Failure> {
        let client = &mut self.clients[place];
        let filled = client.connection.flush().and_then(|()| client.connection.fill());
        let alive = filled.unwrap_or(false);
        let received = &client.connection.received;
        let whole = client.due.is_some() && answer::is_whole(received);
        let latency = client.due.filter(|_| whole).map(|due| due.elapsed());
        if whole {
            answer::check(self.target.kind, received)?;
            client.due = None;
            self.answers += 1;
        }
        if !alive {
            self.reopen(place)?;
        }
        Ok(latency)
    }

    /// Opens a connection again that the peer closed between two answers.
    fn reopen(&mut self, place: usize) -> Result<(), Failure> {
        let client = &self.clients[place];
        if !client.connection.received.is_empty() && client.due.is_some() {
            let received = String::from_utf8_lossy(&client.connection.received);
            return Err(format!("closed inside an answer: {received}").into());
        }
        let again = client.due;
        self.clients[place] = self.client(place)?;
        self.reconnects += 1;
        again.map_or(Ok(()), |due| self.ask(place, due))
    }
}
