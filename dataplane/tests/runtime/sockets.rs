//! Reads, writes, half-closes and deadlines of a plain socket.

use std::io::{ErrorKind, Read, Write};
use std::pin::pin;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use dataplane::net::deadline::{Watch, about};
use dataplane::net::listener::{Listener, bind_shared};
use dataplane::net::race::{Alarm, Race, read_or_tick};
use dataplane::net::task::spawn;

use crate::harness::{Core, TICK, on_both, read_to_end, streams};

#[test]
fn bytes_come_out_as_they_went_in() {
    on_both(async |core: Core| {
        let (mut socket, mut peer) = core.pair();
        peer.write_all(b"question").unwrap();
        let mut buffer = core.pool.buffer();
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 8);
        assert_eq!(buffer.filled(), b"question");
        socket.write_both(b"head ", b"body").await.unwrap();
        socket.shutdown_write().await.unwrap();
        assert_eq!(read_to_end(peer).join().unwrap(), b"head body");
    });
}

#[test]
fn a_shutdown_wakes_a_parked_read_with_the_end() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, _peer) = core.pair();
        socket.watch().arm_idle(60_000);
        let deadlines = Rc::clone(&core.deadlines);
        spawn("drain", core.gate.pass().unwrap(), async move {
            deadlines.sleep(20).await;
            deadlines.shut_idle();
        });
        let mut buffer = core.pool.buffer();
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 0);
        assert!(!socket.watch().expired(), "drained, not overdue");
    });
}

#[test]
fn a_deadline_ends_a_parked_read_and_says_so() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, peer) = core.pair();
        let before = core.deadlines.clock().now_ms();
        socket.watch().arm(40);
        let mut buffer = core.pool.buffer();
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 0);
        assert!(socket.watch().expired());
        assert!(core.deadlines.clock().now_ms() >= before + 40, "never early");
        assert_eq!(read_to_end(peer).join().unwrap(), b"");
    });
}

#[test]
fn a_deadline_of_reading_leaves_room_for_an_answer() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        peer.write_all(b"half a requ").unwrap();
        let mut buffer = core.pool.buffer();
        socket.watch().arm_reading(40);
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 11);
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 0);
        assert!(socket.watch().expired());
        socket.watch().arm(60_000);
        socket.write_all(b"too slow").await.unwrap();
        socket.close();
        assert_eq!(read_to_end(peer).join().unwrap(), b"too slow");
    });
}

#[test]
fn a_deadline_ends_a_stalled_write() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, _peer_that_never_reads) = core.pair();
        socket.watch().arm(40);
        let much = vec![0; 32 << 20];
        let fault = socket.write_all(&much).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::BrokenPipe);
        assert!(socket.watch().expired());
        let (mut socket, _peer_that_never_reads) = core.pair();
        socket.watch().arm(40);
        let mut lent = core.pool.buffer();
        lent.extend(&much);
        let fault = socket.write_out(&mut lent).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::BrokenPipe);
        assert!(socket.watch().expired());
        lent.clear();
        lent.extend(b"late");
        let fault = socket.write_out(&mut lent).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::NotConnected);
    });
}

#[test]
fn a_disarmed_deadline_closes_nothing() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        socket.watch().arm(20);
        socket.watch().disarm();
        core.deadlines.sleep(60).await;
        assert!(!socket.watch().expired());
        peer.write_all(b"still here").unwrap();
        let mut buffer = core.pool.buffer();
        assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 10);
    });
}

#[test]
fn a_deadline_that_need_not_be_exact_is_late_by_a_sixteenth_at_most() {
    for ms in [0, 1, 31, 32, 40, 400, 999, 30_000, 600_000, 1 << 40] {
        for now_ms in [0, 1, 49, 12_345, 1 << 41] {
            let close_at = about(now_ms, ms);
            assert!(close_at >= now_ms + ms, "{ms} from {now_ms}");
            assert!(close_at <= now_ms + ms + ms / 16, "{ms} from {now_ms}");
        }
    }
    assert_eq!((about(7, u64::MAX), about(u64::MAX, 0)), (u64::MAX, u64::MAX));
}

#[test]
fn a_deadline_is_told_again_to_a_table_that_was_told_otherwise_meanwhile() {
    on_both(async |core: Core| {
        core.tick();
        for otherwise in [Watch::disarm as fn(&Watch), |watch| watch.arm(60_000)] {
            let (mut socket, _peer) = core.pair();
            socket.watch().arm_about(40);
            otherwise(socket.watch());
            socket.watch().arm_about(40);
            let mut buffer = core.pool.buffer();
            assert_eq!(socket.read_into(&mut buffer).await.unwrap(), 0);
            assert!(socket.watch().expired());
        }
        let (socket, _peer) = core.pair();
        socket.watch().arm_about(20);
        socket.watch().disarm();
        core.deadlines.sleep(60).await;
        assert!(!socket.watch().expired());
    });
}

#[test]
fn a_read_pinned_across_ticks_loses_nothing() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        let (other, _) = core.pair();
        thread::spawn(move || {
            for byte in 0..=255_u8 {
                peer.write_all(&[byte]).unwrap();
                thread::sleep(Duration::from_micros(u64::from(byte % 7) * 1000));
            }
        });
        let mut received = core.pool.buffer();
        let mut ticks = 0;
        while received.len() < 256 {
            let mut read = pin!(socket.read_into(&mut received));
            loop {
                let mut soon = Alarm::at(core.deadlines.clock().now_ms() + 1);
                match read_or_tick(read.as_mut(), other.watch(), &mut soon).await {
                    Race::Read(count) => break assert!(count.unwrap() > 0),
                    Race::Tick => ticks += 1,
                }
            }
        }
        assert_eq!(received.filled(), (0..=255).collect::<Vec<u8>>());
        assert!(ticks > 10, "only {ticks} ticks raced the reads");
    });
}

#[test]
fn an_abandoned_read_closes() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        let (other, _) = core.pair();
        let mut buffer = core.pool.buffer();
        {
            let mut read = pin!(socket.read_into(&mut buffer));
            let mut soon = Alarm::at(core.deadlines.clock().now_ms() + 1);
            let race = read_or_tick(read.as_mut(), other.watch(), &mut soon).await;
            assert!(matches!(race, Race::Tick));
        }
        // Bytes that come now could be lost in the dropped read: nobody may read on.
        peer.write_all(b"lost").unwrap();
        let fault = socket.read_into(&mut buffer).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::NotConnected);
        assert!(socket.write_all(b"x").await.is_err());
        assert_eq!(read_to_end(peer).join().unwrap(), b"");
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_fails() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, peer) = core.pair();
        drop(peer);
        let mut outcome = Ok(());
        for _ in 0..100 {
            outcome = socket.write_all(b"anyone?").await;
            if outcome.is_err() {
                break;
            }
            core.deadlines.sleep(1).await;
        }
        let kind = outcome.unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{kind:?}");
    });
}

#[test]
fn a_peer_that_left_is_noticed_without_reading() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        assert!(!socket.peer_gone() && socket.is_quiet());
        peer.write_all(b"pipelined").unwrap();
        core.deadlines.sleep(20).await;
        assert!(!socket.peer_gone() && !socket.is_quiet(), "bytes are a sign of life");
        let mut buffer = core.pool.buffer();
        socket.read_into(&mut buffer).await.unwrap();
        drop(peer);
        core.deadlines.sleep(20).await;
        assert!(socket.peer_gone() && !socket.is_quiet());
    });
}

#[test]
fn a_slow_reader_gets_every_byte_of_a_long_write() {
    on_both(async |core: Core| {
        let (mut socket, mut peer) = core.pair();
        let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
        let reader = thread::spawn(move || {
            let mut received = Vec::new();
            let mut part = [0; 70_000];
            loop {
                match peer.read(&mut part).unwrap() {
                    0 => return received,
                    count => received.extend_from_slice(&part[..count]),
                }
                thread::sleep(Duration::from_micros(200));
            }
        });
        let mut lent = core.pool.buffer();
        lent.extend(b"not this");
        lent.extend(&sent[..4_000_000]);
        lent.consume(8);
        socket.write_out(&mut lent).await.unwrap();
        assert!(lent.is_empty(), "all of it went out");
        socket.write_both(&sent[4_000_000..4_000_010], &sent[4_000_010..]).await.unwrap();
        socket.shutdown_write().await.unwrap();
        assert!(reader.join().unwrap() == sent, "bytes were lost or reordered");
    });
}

#[test]
fn an_answer_survives_closing_with_unread_bytes() {
    on_both(async |core: Core| {
        core.tick();
        let (mut socket, mut peer) = core.pair();
        peer.write_all(&[b'x'; 100_000]).unwrap();
        socket.write_all(b"413 and goodbye").await.unwrap();
        socket.watch().arm(5_000);
        let reader = read_to_end(peer);
        let mut scratch = core.pool.buffer();
        socket.linger(&mut scratch, 1 << 20).await;
        drop(socket);
        assert_eq!(reader.join().unwrap(), b"413 and goodbye");
    });
}

#[test]
fn a_listener_that_is_let_go_of_lives_on_with_its_other_holders_and_closes_with_the_last() {
    on_both(async |core: Core| {
        core.tick();
        let bound = bind_shared("127.0.0.1:0".parse().unwrap(), 16).unwrap();
        let other = bound.try_clone().unwrap();
        let listener = Rc::new(Listener::from_std(bound).unwrap());
        let address = listener.address().unwrap();
        let peer = std::net::TcpStream::connect(address).unwrap();
        let (socket, from) = listener.accept(&core.deadlines).await.unwrap();
        assert_eq!(from, peer.local_addr().unwrap());
        assert_eq!(socket.peer_address(), Some(from));
        let (closer, deadlines) = (Rc::clone(&listener), Rc::clone(&core.deadlines));
        spawn("closer", core.gate.pass().unwrap(), async move {
            deadlines.sleep(20).await;
            closer.let_go();
        });
        assert!(listener.accept(&core.deadlines).await.is_err());
        drop(listener);
        core.deadlines.sleep(4 * TICK.as_millis() as u64).await;
        let connect = || std::net::TcpStream::connect(address);
        let waiting = connect().unwrap();
        other.set_nonblocking(false).unwrap();
        assert_eq!(other.accept().unwrap().1, waiting.local_addr().unwrap());
        drop(other);
        assert_eq!(connect().unwrap_err().kind(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn a_slot_used_again_does_not_inherit_a_deadline() {
    on_both(async |core: Core| {
        core.tick();
        let (first, _peer) = core.pair();
        first.watch().arm(1);
        drop(first);
        let (mut second, mut peer) = core.pair();
        core.deadlines.sleep(4 * TICK.as_millis() as u64).await;
        assert!(!second.watch().expired());
        peer.write_all(b"!").unwrap();
        assert_eq!(second.read_into(&mut core.pool.buffer()).await.unwrap(), 1);
        drop(streams());
    });
}
