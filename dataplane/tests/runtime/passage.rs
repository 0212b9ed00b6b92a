//! A connection moves from one core's runtime to another's, with all that it has.

use std::io::{Read, Write};
use std::thread;

use dataplane::net::buffer::{Pool, PoolLimits};
use dataplane::net::deadline::Deadlines;
use dataplane::net::passage::Detached;
use dataplane::net::ring::{Choice, Ring, RingSettings};
use dataplane::net::socket::Socket;

use crate::harness::{Core, on_both};
use crate::tls::secured;

/// Answers what comes in on another core: everything up to a full stop, with a mark before it.
fn answer_elsewhere(moved: Detached) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let choice = Choice::from_environment().unwrap();
        let settings = RingSettings { choice, ..RingSettings::default() };
        Ring::build(&settings).unwrap().run(async {
            let (pool, deadlines) = (Pool::new(PoolLimits::default()), Deadlines::new());
            let mut socket = Socket::attach(moved, &pool, &deadlines).unwrap();
            let mut buffer = pool.buffer();
            while !buffer.filled().ends_with(b".") {
                assert!(socket.read_into(&mut buffer).await.unwrap() > 0);
            }
            socket.write_both(b"got ", buffer.filled()).await.unwrap();
        });
    })
}

#[test]
fn a_plain_connection_goes_on_where_it_arrives() {
    on_both(async |core: Core| {
        let (mut socket, mut peer) = core.pair();
        peer.write_all(b"first").unwrap();
        let mut buffer = core.pool.buffer();
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 5);
        peer.write_all(b"unread, ").unwrap();
        let twin = socket.twin().unwrap();
        let other = answer_elsewhere(socket.detach(twin));
        peer.write_all(b"later.").unwrap();
        let mut answer = [0; 18];
        peer.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"got unread, later.");
        other.join().unwrap();
    });
}

#[test]
fn a_session_goes_along_with_its_keys() {
    on_both(async |core: Core| {
        core.tick();
        let (mut client, server) = secured(&core).await;
        client.write_all(b"unread, ").await.unwrap();
        let twin = server.twin().unwrap();
        let other = answer_elsewhere(server.detach(twin));
        client.write_all(b"later.").await.unwrap();
        let mut buffer = core.pool.buffer();
        while buffer.len() < 18 {
            assert!(client.read_into(&mut buffer).await.unwrap() > 0);
        }
        assert_eq!(buffer.filled(), b"got unread, later.");
        other.join().unwrap();
    });
}

#[test]
fn what_is_closed_stays() {
    on_both(async |core: Core| {
        let (mut socket, _peer) = core.pair();
        socket.close();
        assert!(socket.twin().is_err());
    });
}
