//! Model runs: every order in which the threads below can meet is visited.
//!
//! Only with `--cfg loom`; the command stands at the head of the crate. A park has no time-out
//! here, so a lost wake-up is a deadlock, which loom reports.
#![cfg(loom)]

use std::sync::Arc;
use std::time::Duration;

use loom::model;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::sync::{Arc as ModelArc, Condvar, Mutex};
use loom::thread;

#[test]
fn a_parked_thread_sees_every_call() {
    model(|| {
        let (mut parker, unparker) = channel::parker();
        let posted = ModelArc::new(AtomicU64::new(0));
        let callers = [1, 2].map(|_| {
            let (unparker, posted) = (unparker.clone(), ModelArc::clone(&posted));
            thread::spawn(move || {
                posted.fetch_add(1, Ordering::Relaxed);
                unparker.wake();
            })
        });
        while posted.load(Ordering::Relaxed) < 2 {
            parker.park_timeout(Duration::MAX);
        }
        for caller in callers {
            caller.join().unwrap();
        }
    });
}

#[test]
fn a_call_to_a_thread_that_was_called_is_not_lost() {
    model(|| {
        let (mut parker, unparker) = channel::parker();
        let posted = ModelArc::new(AtomicU64::new(0));
        let caller = {
            let posted = ModelArc::clone(&posted);
            thread::spawn(move || {
                for number in 1..=2 {
                    posted.store(number, Ordering::Relaxed);
                    unparker.wake();
                }
            })
        };
        while posted.load(Ordering::Relaxed) < 2 {
            parker.park_timeout(Duration::MAX);
        }
        caller.join().unwrap();
    });
}

#[test]
fn a_ring_of_the_bell_is_not_lost() {
    model(|| {
        let (must_wake, clear) = channel::model_bell();
        let posted = ModelArc::new(AtomicU64::new(0));
        // The socket: bytes not yet read, and the wait for one.
        let socket = ModelArc::new((Mutex::new(0), Condvar::new()));
        let ringer = {
            let (posted, socket) = (ModelArc::clone(&posted), ModelArc::clone(&socket));
            thread::spawn(move || {
                for number in 1..=2 {
                    posted.store(number, Ordering::Relaxed);
                    if must_wake() {
                        *socket.0.lock().unwrap() += 1;
                        socket.1.notify_one();
                    }
                }
            })
        };
        while posted.load(Ordering::Relaxed) < 2 {
            let mut bytes = socket.0.lock().unwrap();
            while *bytes == 0 {
                bytes = socket.1.wait(bytes).unwrap();
            }
            *bytes = 0;
            drop(bytes);
            clear();
        }
        ringer.join().unwrap();
    });
}

#[test]
fn a_reader_sees_the_newest_of_two_values() {
    model(|| {
        let (publisher, mut reader) = channel::latest();
        let core = thread::spawn(move || {
            let first = reader.take().map_or(0, |value| *value);
            let second = reader.take().map_or(first, |value| *value);
            assert!(second >= first);
            (reader, second)
        });
        publisher.publish(Arc::new(1));
        publisher.publish(Arc::new(2));
        let (mut reader, seen) = core.join().unwrap();
        assert_eq!(reader.take().map_or(seen, |value| *value), 2);
        drop(reader);
        assert_eq!(publisher.collect(), 0);
    });
}

#[test]
fn reserved_records_arrive_in_order_beside_droppable_ones() {
    model(|| {
        let (producer, mut consumer) = channel::ring(2);
        assert!(producer.reserve(1));
        let core = thread::spawn(move || {
            let mut sent = Vec::new();
            sent.extend(producer.try_push(1).map(|()| 1));
            sent.extend(producer.try_push(2).map(|()| 2));
            producer.push_reserved(3, 1);
            sent.push(3);
            sent
        });
        let mut pop = || consumer.pop_with(|value| *value);
        let mut got = Vec::new();
        got.extend(pop());
        got.extend(pop());
        let sent = core.join().unwrap();
        got.extend(std::iter::from_fn(pop));
        assert_eq!(got, sent);
    });
}

#[test]
fn what_stands_before_a_mark_is_seen_behind_it() {
    model(|| {
        let mark = channel::Mark::new();
        let written = ModelArc::new(AtomicU64::new(0));
        let writer = {
            let (mark, written) = (mark.clone(), ModelArc::clone(&written));
            thread::spawn(move || {
                written.store(9, Ordering::Relaxed);
                mark.publish(9);
            })
        };
        if mark.read() == 9 {
            assert_eq!(written.load(Ordering::Relaxed), 9);
        }
        writer.join().unwrap();
    });
}
