//! TLS over loopback: our client against our server, and either against a peer that misbehaves.

use std::io::{ErrorKind, Write};
use std::pin::pin;

use dataplane::net::listener::{Listener, bind_shared};
use dataplane::net::race::{Alarm, Race, read_or_tick};
use dataplane::net::socket::Socket;
use dataplane::net::task::spawn;
use dataplane::net::trust::{Identity, PeerName, Trust};

use dataplane::upstream::dial::Dialler;
use dataplane::upstream::endpoint::{Cover, Endpoint, PoolKey};
use dataplane::upstream::http1::{Freshness, connect};
use dataplane::upstream::pool::Connections;

use crate::harness::{Core, on_both, streams};
use crate::upstream::{LIMITS, whole};

struct Certified {
    identity: Identity,
    trust: Trust,
}

fn certified() -> Certified {
    let made = rcgen::generate_simple_self_signed(["gateway.test".to_owned()]).unwrap();
    let chain = made.cert.pem();
    Certified {
        identity: Identity::new(chain.as_bytes(), made.signing_key.serialize_pem().as_bytes())
            .unwrap(),
        trust: Trust::new(Some(chain.as_bytes())).unwrap(),
    }
}

/// Both ends under TLS, on this core.
pub(crate) async fn secured(core: &Core) -> (Socket, Socket) {
    let Certified { identity, trust } = certified();
    let (near, far) = streams();
    let mut client = Socket::from_tcp(near, &core.deadlines).unwrap();
    let mut server = Socket::from_tcp(far, &core.deadlines).unwrap();
    let session = identity.session(&core.pool).unwrap();
    let pass = core.gate.pass().unwrap();
    let shaken = std::rc::Rc::new(std::cell::RefCell::new(None));
    let slot = std::rc::Rc::clone(&shaken);
    spawn("server handshake", pass, async move {
        server.secure(session).await.unwrap();
        slot.replace(Some(server));
    });
    let peer = PeerName::parse("gateway.test").unwrap();
    client.secure(trust.session(&peer, &core.pool).unwrap()).await.unwrap();
    core.gate.empty().await;
    let server = shaken.take().unwrap();
    (client, server)
}

#[test]
fn bytes_pass_both_ways_and_end_with_a_notice() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        client.write_both(b"POST / ", b"{}").await.unwrap();
        let mut buffer = core.pool.buffer();
        while buffer.len() < 9 {
            assert!(server.read_into(&mut buffer).await.unwrap() > 0);
        }
        assert_eq!(buffer.filled(), b"POST / {}");
        server.shutdown_write().await.unwrap();
        assert_eq!(client.read_into(&mut buffer).await.unwrap(), 0);
        client.write_all(b"after").await.unwrap();
        buffer.clear();
        assert_eq!(server.read_into(&mut buffer).await.unwrap(), 5);
    });
}

#[test]
fn long_writes_cross_many_records_unharmed() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        let sent: Vec<u8> = (0..3_000_001_u32).map(|n| (n % 253) as u8).collect();
        let expected = sent.clone();
        let mut scratch = core.pool.buffer();
        let mut lent = core.pool.buffer();
        spawn("writer", core.gate.pass().unwrap(), async move {
            client.write_both(&sent[..1000], &sent[1000..100_000]).await.unwrap();
            lent.extend(&sent[100_000..]);
            client.write_out(&mut lent).await.unwrap();
            assert!(lent.is_empty(), "all of it went out");
            // The server's session tickets lie unread: closing at once would reset the stream.
            client.linger(&mut scratch, 1 << 20).await;
        });
        let mut received = Vec::new();
        let mut buffer = core.pool.buffer();
        while server.read_into(&mut buffer).await.unwrap() > 0 {
            received.extend_from_slice(buffer.filled());
            buffer.clear();
        }
        server.shutdown_write().await.unwrap();
        assert!(received == expected, "{} bytes arrived", received.len());
    });
}

#[test]
fn an_end_without_a_notice_is_an_error() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        server.write_all(b"half an answ").await.unwrap();
        server.close();
        let mut buffer = core.pool.buffer();
        assert_eq!(client.read_into(&mut buffer).await.unwrap(), 12);
        let fault = client.read_into(&mut buffer).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::UnexpectedEof);
    });
}

#[test]
fn a_deadline_of_reading_leaves_room_for_an_answer() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        let mut buffer = core.pool.buffer();
        server.watch().arm_reading(40);
        assert_eq!(server.read_into(&mut buffer).await.unwrap(), 0);
        assert!(server.watch().expired());
        server.watch().arm(60_000);
        server.write_all(b"too slow").await.unwrap();
        server.shutdown_write().await.unwrap();
        assert_eq!(client.read_into(&mut buffer).await.unwrap(), 8);
        assert_eq!(buffer.filled(), b"too slow");
    });
}

#[test]
fn an_abandoned_read_closes_the_session() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        let mut buffer = core.pool.buffer();
        {
            let mut read = pin!(client.read_into(&mut buffer));
            let mut soon = Alarm::at(core.deadlines.clock().now_ms() + 1);
            let race = read_or_tick(read.as_mut(), server.watch(), &mut soon).await;
            assert!(matches!(race, Race::Tick));
        }
        server.write_all(b"lost").await.unwrap();
        let fault = client.read_into(&mut buffer).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_close_notice_is_noticed_without_reading() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, mut server) = secured(&core).await;
        assert!(!server.peer_gone());
        client.write_all(b"pipelined").await.unwrap();
        core.deadlines.sleep(10).await;
        assert!(!server.peer_gone());
        client.shutdown_write().await.unwrap();
        core.deadlines.sleep(10).await;
        assert!(server.peer_gone());
        let mut buffer = core.pool.buffer();
        assert_eq!(server.read_into(&mut buffer).await.unwrap(), 9, "what was peeked is kept");
        assert_eq!(buffer.filled(), b"pipelined");
    });
}

#[test]
fn a_stranger_and_a_wrong_name_are_refused() {
    on_both(async |core: Core| {
        core.tick();
        let (ours, other) = (certified(), certified());
        for (trust, name) in [(&other.trust, "gateway.test"), (&ours.trust, "elsewhere.test")] {
            let (near, far) = streams();
            let mut server = Socket::from_tcp(far, &core.deadlines).unwrap();
            let session = ours.identity.session(&core.pool).unwrap();
            spawn("server handshake", core.gate.pass().unwrap(), async move {
                assert!(server.secure(session).await.is_err());
            });
            let mut client = Socket::from_tcp(near, &core.deadlines).unwrap();
            let peer = PeerName::parse(name).unwrap();
            let session = trust.session(&peer, &core.pool).unwrap();
            let fault = client.secure(session).await.unwrap_err();
            assert_eq!(fault.kind(), ErrorKind::InvalidData, "{fault}");
            assert!(client.write_all(b"secret").await.is_err(), "closed");
        }
        core.gate.empty().await;
        assert_eq!(core.gate.panics(), 0);
    });
}

#[test]
fn plain_bytes_are_no_handshake() {
    on_both(async |core: Core| {
        core.tick();
        let (near, mut far) = streams();
        far.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let mut client = Socket::from_tcp(near, &core.deadlines).unwrap();
        let peer = PeerName::parse("gateway.test").unwrap();
        let session = certified().trust.session(&peer, &core.pool).unwrap();
        let fault = client.secure(session).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::InvalidData);
    });
}

#[test]
fn an_exchange_runs_under_tls_and_a_cut_answer_is_told() {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\n\r\nuntil the end";
    on_both(async |core: Core| {
        core.tick();
        let Certified { identity, trust } = certified();
        let bound = bind_shared("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let address = bound.local_addr().unwrap();
        let listener = Listener::from_std(bound).unwrap();
        let (pool, deadlines) = (core.pool.clone(), core.deadlines.clone());
        spawn("provider", core.gate.pass().unwrap(), async move {
            for ends_well in [true, false] {
                let (mut server, _) = listener.accept(&deadlines).await.unwrap();
                server.secure(identity.session(&pool).unwrap()).await.unwrap();
                server.read_into(&mut pool.buffer()).await.unwrap();
                server.write_all(HEAD).await.unwrap();
                if ends_well {
                    server.shutdown_write().await.unwrap();
                }
                server.close();
            }
        });
        let dialler = Dialler {
            deadlines: core.deadlines.clone(),
            pool: core.pool.clone(),
            trust,
            connect_ms: 1000,
            handshake_ms: 1000,
        };
        let endpoint = Endpoint {
            addresses: (address.into(), Vec::new()),
            cover: Cover::Tls(PeerName::parse("gateway.test").unwrap()),
        };
        let pool = Connections::new(2, 1000);
        for ends_well in [true, false] {
            let way = (PoolKey(1), &endpoint);
            let made = connect(&dialler, &pool, way, Freshness::Any, LIMITS).await.unwrap();
            let sent = made.send(b"GET / HTTP/1.1\r\nhost: p\r\n\r\n", b"").await.unwrap();
            let mut body = sent.head().await.unwrap().into_body();
            let outcome = whole(&mut body).await;
            assert_eq!(outcome.is_ok(), ends_well);
            assert!(!body.reuse(&pool));
        }
        core.gate.empty().await;
    });
}

#[test]
fn a_silent_peer_meets_the_deadline_of_the_handshake() {
    on_both(async |core: Core| {
        core.tick();
        let (near, _far) = streams();
        let mut client = Socket::from_tcp(near, &core.deadlines).unwrap();
        client.watch().arm(30);
        let peer = PeerName::parse("gateway.test").unwrap();
        let session = certified().trust.session(&peer, &core.pool).unwrap();
        assert!(client.secure(session).await.is_err());
        assert!(client.watch().expired());
    });
}
