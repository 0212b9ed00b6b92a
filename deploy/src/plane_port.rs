//! The operator's port of a data plane alone: `/metrics`, `/livez`, `/readyz`.
//!
//! A thread that accepts and one for each connection, few at a time: nothing here is for customers.
//! Left out on purpose: everything that the control plane answers, and kept connections.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use link::StatusReport;

/// How often the listener is looked at.
const LOOK: Duration = Duration::from_millis(25);
/// How long a request or an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// A request's head.
const HEAD_BYTES: usize = 8 << 10;
/// Connections at once.
const CONNECTIONS_MAX: usize = 16;

/// What the port tells of.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Whether every core listens.
    pub is_listening: bool,
    /// Whether the control plane was heard of lately.
    pub is_linked: bool,
    /// How the data plane is.
    pub report: StatusReport,
}

/// The port, until it is dropped.
pub struct PlanePort {
    told: Arc<Mutex<Told>>,
    is_over: Arc<AtomicBool>,
}

impl PlanePort {
    /// Begins to answer. The listener may be shared with another process.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let port = Self { told: Arc::default(), is_over: Arc::default() };
        let (told, is_over) = (Arc::clone(&port.told), Arc::clone(&port.is_over));
        let connections = Arc::new(AtomicUsize::new(0));
        thread::Builder::new().name("operator".to_owned()).spawn(move || {
            while !is_over.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => attend(stream, &told, &connections),
                    Err(_) => thread::sleep(LOOK),
                }
            }
        })?;
        Ok(port)
    }

    /// Takes what is told from now on.
    pub fn tell(&self, told: Told) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = told;
    }
}

impl Drop for PlanePort {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

fn attend(stream: TcpStream, told: &Mutex<Told>, connections: &Arc<AtomicUsize>) {
    if connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
        connections.fetch_sub(1, Ordering::Relaxed);
        return;
    }
    let told = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let connections = Arc::clone(connections);
    thread::spawn(move || {
        // A peer that does not read its answer has none.
        let _ = answer(stream, &told);
        connections.fetch_sub(1, Ordering::Relaxed);
    });
}

fn answer(mut stream: TcpStream, told: &Told) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let head = read_head(&mut stream)?;
    let (status, body) = respond(&head, told);
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes())
}

fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut piece)?;
        if count == 0 || head.len() > HEAD_BYTES {
            return Err(io::ErrorKind::InvalidData.into());
        }
        head.extend_from_slice(&piece[..count]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The status line's end and the body for a request.
fn respond(head: &str, told: &Told) -> (&'static str, String) {
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method != "GET" {
        return ("405 Method Not Allowed", "only GET\n".to_owned());
    }
    match target.split('?').next().unwrap_or_default() {
        "/livez" => ("200 OK", "live\n".to_owned()),
        "/readyz" => match unready(told) {
            None => ("200 OK", "ready\n".to_owned()),
            Some(why) => ("503 Service Unavailable", format!("{why}\n")),
        },
        "/metrics" => ("200 OK", metrics(told)),
        _ => ("404 Not Found", "this data plane tells /metrics, /livez and /readyz\n".to_owned()),
    }
}

fn unready(told: &Told) -> Option<&'static str> {
    if !told.is_listening {
        return Some("nothing was published yet, or a core does not listen");
    }
    (!told.report.journal.writable).then_some("the journal cannot be written")
}

/// Prometheus text.
fn metrics(told: &Told) -> String {
    let mut out = String::new();
    let StatusReport { cores, journal, .. } = &told.report;
    let mut gauge = |name: &str, what: &str, values: Vec<(String, u64)>| {
        // Writing into memory does not fail.
        let _ = write!(out, "# HELP {name} {what}\n# TYPE {name} gauge\n");
        for (label, value) in values {
            let _ = writeln!(out, "{name}{label} {value}");
        }
    };
    let one = |value: u64| vec![(String::new(), value)];
    let of_cores = |of: fn(&link::CoreReport) -> u64| {
        cores.iter().map(|core| (format!("{{core=\"{}\"}}", core.core), of(core))).collect()
    };
    gauge("tollgate_linked", "Whether the ledger was heard of lately.", one(told.is_linked.into()));
    gauge("tollgate_core_connections", "Open connections.", of_cores(|core| core.connections));
    gauge("tollgate_core_in_flight", "Requests in flight.", of_cores(|core| core.in_flight));
    gauge("tollgate_core_requests", "Requests since the start.", of_cores(|core| core.requests));
    let is_writable = u64::from(journal.writable);
    gauge("tollgate_journal_writable", "Whether the journal takes records.", one(is_writable));
    gauge("tollgate_journal_batches", "Batches since the start.", one(journal.batches));
    let what = "Records that the ledger does not have yet.";
    gauge("tollgate_journal_unsettled", what, one(journal.unsettled));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(request: &str, told: Told) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let port = PlanePort::start(listener).unwrap();
        port.tell(told);
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn it_is_ready_when_it_listens_and_can_write() {
        let ready = "GET /readyz HTTP/1.1\r\n\r\n";
        assert!(asked(ready, Told::default()).starts_with("HTTP/1.1 503 "));
        let mut told = Told { is_listening: true, ..Told::default() };
        told.report.journal.writable = true;
        assert!(asked(ready, told.clone()).starts_with("HTTP/1.1 200 "));
        let metrics = asked("GET /metrics?x=1 HTTP/1.1\r\nhost: x\r\n\r\n", told);
        assert!(metrics.contains("\ntollgate_journal_writable 1\n"), "{metrics}");
    }

    #[test]
    fn it_answers_nothing_else() {
        let asked = |request| asked(request, Told::default());
        assert!(asked("GET /livez HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 200 "));
        assert!(asked("GET /admin/v1/status HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
        assert!(asked("POST /livez HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
    }
}
