//! Exchanges with a scripted provider: what is reused, what is refused, what is told.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use dataplane::net::trust::Trust;
use dataplane::upstream::body::{Body, More};
use dataplane::upstream::dial::Dialler;
use dataplane::upstream::endpoint::{Address, Cover, Endpoint, PoolKey};
use dataplane::upstream::fault::{Cause, Phase, Reached, UpstreamFault};
use dataplane::upstream::http1::{Connection, ExchangeLimits, Freshness, Response, connect};
use dataplane::upstream::pool::Connections;
use wire::head::HeadLimits;

use crate::harness::{Core, on_both};

const REQUEST: &[u8] = b"POST /v1/chat HTTP/1.1\r\nhost: p\r\ncontent-length: 2\r\n\r\n";
const KEY: PoolKey = PoolKey(7);

pub(crate) const LIMITS: ExchangeLimits = ExchangeLimits {
    head: HeadLimits { bytes: 4096, fields: 32 },
    write_ms: 200,
    first_byte_ms: 200,
    between_reads_ms: 200,
};

/// A gateway core's view of one provider.
struct Side {
    dialler: Dialler,
    pool: Connections,
    endpoint: Endpoint,
}

impl Side {
    fn new(core: &Core, address: SocketAddr) -> Self {
        core.tick();
        let dialler = Dialler {
            deadlines: core.deadlines.clone(),
            pool: core.pool.clone(),
            trust: Trust::new(None).unwrap(),
            connect_ms: 300,
            handshake_ms: 300,
        };
        let endpoint = Endpoint { addresses: (address.into(), Vec::new()), cover: Cover::Plain };
        Self { dialler, pool: Connections::new(2, 300), endpoint }
    }

    async fn connection(&self, freshness: Freshness) -> Result<Connection, UpstreamFault> {
        connect(&self.dialler, &self.pool, (KEY, &self.endpoint), freshness, LIMITS).await
    }

    async fn ask(&self) -> Result<Response, UpstreamFault> {
        self.connection(Freshness::Any).await?.send(REQUEST, b"{}").await?.head().await
    }

    /// One exchange, read whole: its body, and whether the connection was kept.
    async fn exchange(&self) -> Result<(Vec<u8>, bool), UpstreamFault> {
        let mut body = self.ask().await?.into_body();
        let bytes = whole(&mut body).await?;
        Ok((bytes, body.reuse(&self.pool)))
    }
}

pub(crate) async fn whole(body: &mut Body) -> Result<Vec<u8>, UpstreamFault> {
    let mut bytes = Vec::new();
    while body.more().await? == More::Bytes {
        bytes.extend_from_slice(body.window());
        body.consume(body.window().len());
    }
    Ok(bytes)
}

/// A provider that answers every request on a connection with the script's next parts, a pause
/// between them; it hangs up after the last answer. Returns its address and a count of connections.
fn provider(answers: &'static [&'static [&'static [u8]]]) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let accepted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&accepted);
    thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            count.fetch_add(1, Ordering::SeqCst);
            thread::spawn(move || {
                for parts in answers {
                    read_request(&mut stream)?;
                    for part in *parts {
                        stream.write_all(part)?;
                        thread::sleep(Duration::from_millis(2));
                    }
                }
                stream.shutdown(Shutdown::Both)
            });
        }
    });
    (address, accepted)
}

fn read_request(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut request = vec![0; REQUEST.len() + 2];
    stream.read_exact(&mut request)
}

const SHORT: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"];

#[test]
fn a_whole_answer_gives_its_connection_back() {
    on_both(async |core: Core| {
        let (address, accepted) = provider(&[SHORT, SHORT, SHORT]);
        let side = Side::new(&core, address);
        for _ in 0..3 {
            assert_eq!(side.exchange().await.unwrap(), (b"hello".to_vec(), true));
            assert_eq!(side.pool.count(), 1);
        }
        assert_eq!(accepted.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_half_read_answer_never_does() {
    on_both(async |core: Core| {
        let (address, accepted) = provider(&[SHORT, SHORT]);
        let side = Side::new(&core, address);
        drop(side.ask().await.unwrap());
        let body = side.ask().await.unwrap().into_body();
        assert!(!body.reuse(&side.pool), "nothing of the body was read");
        let mut body = side.ask().await.unwrap().into_body();
        assert_eq!(body.more().await.unwrap(), More::Bytes);
        assert!(!body.reuse(&side.pool), "the window was not consumed");
        assert_eq!((side.pool.count(), accepted.load(Ordering::SeqCst)), (0, 3));
    });
}

#[test]
fn neither_does_one_with_bytes_behind_it_or_a_close() {
    const BEHIND: &[&[u8]] =
        &[b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n"];
    const CLOSE: &[&[u8]] =
        &[b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"];
    on_both(async |core: Core| {
        for script in [&[BEHIND, SHORT], &[CLOSE, SHORT]] {
            let (address, _) = provider(script);
            let side = Side::new(&core, address);
            assert_eq!(side.exchange().await.unwrap(), (b"ok".to_vec(), false));
            assert_eq!(side.pool.count(), 0);
        }
    });
}

#[test]
fn a_stale_connection_is_noticed_or_told() {
    on_both(async |core: Core| {
        let (address, accepted) = provider(&[SHORT]);
        let side = Side::new(&core, address);
        assert!(side.exchange().await.unwrap().1);
        core.deadlines.sleep(20).await;
        assert!(side.exchange().await.is_ok(), "the peer's close was seen before use");
        assert_eq!(accepted.load(Ordering::SeqCst), 2);

        // This one closes while the request is under way.
        let (address, _) = provider(&[SHORT, &[]]);
        let side = Side::new(&core, address);
        assert!(side.exchange().await.unwrap().1);
        let fault = side.ask().await.err().unwrap();
        assert_eq!((fault.phase, fault.reached), (Phase::FirstByte, Reached::StaleConnection));
        assert!(fault.is_retry_safe());
        assert!(!side.connection(Freshness::Fresh).await.unwrap().was_idle());
    });
}

#[test]
fn chunks_come_out_as_one_window_at_any_split() {
    const CHUNKED: &[&[u8]] = &[
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r",
        b"\n5\r\ndata:",
        b"\r\n1\r\n \r",
        b"\n2\r\n{}\r\n4\r\n\n\nda\r\n3",
        b"\r\nta:\r\n0\r\n",
        b"\r\n",
    ];
    on_both(async |core: Core| {
        let (address, _) = provider(&[CHUNKED, SHORT]);
        let side = Side::new(&core, address);
        let mut body = side.ask().await.unwrap().into_body();
        while body.more().await.unwrap() == More::Bytes {}
        assert_eq!(body.window(), b"data: {}\n\ndata:", "an unconsumed window stays whole");
        body.consume(15);
        assert!(body.reuse(&side.pool));
        assert_eq!(side.exchange().await.unwrap().0, b"hello");
    });
}

#[test]
fn interim_answers_are_skipped_but_not_for_ever() {
    const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
    const PATIENT: &[&[u8]] =
        &[CONTINUE, b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"];
    const FLOOD: &[&[u8]] = &[CONTINUE; 12];
    on_both(async |core: Core| {
        let (address, _) = provider(&[PATIENT]);
        let side = Side::new(&core, address);
        let response = side.ask().await.unwrap();
        assert_eq!(response.status(), 204);
        assert_eq!(response.into_body().more().await.unwrap(), More::End);

        let (address, _) = provider(&[FLOOD]);
        let fault = Side::new(&core, address).ask().await.err().unwrap();
        assert!(matches!(fault.cause, Cause::TooManyInterim), "{fault}");
    });
}

#[test]
fn a_body_cut_short_is_a_fault_and_one_to_the_end_is_not() {
    const CUT: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhell"];
    const OPEN: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\n\r\nhel", b"lo"];
    on_both(async |core: Core| {
        let (address, _) = provider(&[CUT]);
        let fault = Side::new(&core, address).exchange().await.err().unwrap();
        assert!(matches!(fault.cause, Cause::Framing(_)), "{fault}");
        assert_eq!((fault.phase, fault.reached), (Phase::Body, Reached::Answered));

        let (address, _) = provider(&[OPEN]);
        let outcome = Side::new(&core, address).exchange().await.unwrap();
        assert_eq!(outcome, (b"hello".to_vec(), false));
    });
}

#[test]
fn an_answer_before_the_request_is_taken_is_read() {
    const REFUSED: &[u8] = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 7\r\n\r\ntoo big";
    on_both(async |core: Core| {
        for is_lent in [false, true] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let side = Side::new(&core, listener.local_addr().unwrap());
            let refusing = thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                read_request(&mut stream).unwrap();
                stream.write_all(REFUSED).unwrap();
                // Closed with most of the request unread: the connection is reset.
            });
            let connection = side.connection(Freshness::Any).await.unwrap();
            let much = vec![b' '; 32 << 20];
            let sent = if is_lent {
                let mut request = core.pool.buffer();
                request.extend(REQUEST);
                request.extend(&much);
                connection.send_out(&mut request).await.unwrap()
            } else {
                connection.send(REQUEST, &much).await.unwrap()
            };
            let response = sent.head().await.unwrap();
            assert_eq!(response.status(), 413);
            let mut body = response.into_body();
            assert_eq!(whole(&mut body).await.unwrap(), b"too big");
            assert!(!body.reuse(&side.pool));
            refusing.join().unwrap();
        }
    });
}

#[test]
fn each_phase_has_its_deadline() {
    const SILENT_BODY: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhell"];
    const SILENT_TO_THE_END: &[&[u8]] = &[b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhell"];
    on_both(async |core: Core| {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let side = Side::new(&core, silent.local_addr().unwrap());
        let fault = side.ask().await.err().unwrap();
        assert_eq!((fault.phase, fault.reached), (Phase::FirstByte, Reached::Unanswered));
        assert!(fault.timed_out() && !fault.is_retry_safe());

        let connection = side.connection(Freshness::Fresh).await.unwrap();
        let fault = connection.send(REQUEST, &vec![0; 32 << 20]).await.err().unwrap();
        assert!(fault.phase == Phase::Write && fault.timed_out(), "{fault}");

        // Never reads again, so it never hangs up.
        let (address, _) = provider(&[SILENT_BODY, SHORT]);
        let mut body = Side::new(&core, address).ask().await.unwrap().into_body();
        let fault = whole(&mut body).await.err().unwrap();
        assert!(fault.phase == Phase::Body && fault.timed_out(), "{fault}");

        let (address, _) = provider(&[SILENT_TO_THE_END, SHORT]);
        let mut body = Side::new(&core, address).ask().await.unwrap().into_body();
        assert!(body.cut_off().is_none());
        assert_eq!(whole(&mut body).await.unwrap(), b"hell");
        assert!(body.cut_off().is_some_and(|fault| fault.timed_out()));
    });
}

#[test]
fn an_address_that_refuses_or_says_nothing_is_passed_over() {
    on_both(async |core: Core| {
        let refusing: Address = "127.0.0.1:1".parse::<SocketAddr>().unwrap().into();
        let (full, _held) = full_listener();
        let (address, _) = provider(&[SHORT, SHORT]);
        let mut side = Side::new(&core, address);
        side.endpoint.addresses = (refusing.clone(), vec![full.into(), address.into()]);
        assert_eq!(side.exchange().await.unwrap().0, b"hello");

        side.pool.clear();
        side.endpoint.addresses = (full.into(), Vec::new());
        let fault = side.ask().await.err().unwrap();
        assert!(fault.phase == Phase::Connect && fault.timed_out(), "{fault}");
        side.endpoint.addresses = (refusing, Vec::new());
        let fault = side.ask().await.err().unwrap();
        assert_eq!((fault.phase, fault.reached), (Phase::Connect, Reached::Nothing));
        assert!(!fault.timed_out() && fault.is_retry_safe());
    });
}

/// A listener whose queue is full: the next connection gets no answer at all.
fn full_listener() -> (SocketAddr, Vec<socket2::Socket>) {
    let kind = socket2::Type::STREAM.nonblocking();
    let new = || socket2::Socket::new(socket2::Domain::IPV4, kind, None).unwrap();
    let listener = new();
    listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = vec![listener];
    for _ in 0..4 {
        let waiting = new();
        // Under way or refused a place: either fills the queue.
        let _ = waiting.connect(&address);
        held.push(waiting);
    }
    (address.as_socket().unwrap(), held)
}

#[test]
fn idle_connections_are_few_and_do_not_grow_old() {
    on_both(async |core: Core| {
        let (address, accepted) = provider(&[SHORT, SHORT]);
        let side = Side::new(&core, address);
        let mut bodies = Vec::new();
        for _ in 0..3 {
            bodies.push(side.ask().await.unwrap().into_body());
        }
        for mut body in bodies {
            whole(&mut body).await.unwrap();
            assert!(body.reuse(&side.pool));
        }
        assert_eq!((side.pool.count(), accepted.load(Ordering::SeqCst)), (2, 3));
        core.deadlines.sleep(310).await;
        assert!(!side.connection(Freshness::Any).await.unwrap().was_idle(), "too old to use");
        side.pool.sweep(core.deadlines.clock().now_ms());
        assert_eq!(side.pool.count(), 0);
    });
}
