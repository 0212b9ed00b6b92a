//! Tasks, gates, bells and sleeping.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use channel::doorbell;
use dataplane::net::bell::{Bell, listen};
use dataplane::net::task::{Panicked, fence, spawn};
use dataplane::net::turn::Turn;

use crate::harness::{Core, on_both};

#[test]
fn a_panic_ends_its_task_and_no_other() {
    on_both(async |core: Core| {
        core.tick();
        let alive = Rc::new(Cell::new(0));
        for turn in 0..10 {
            let (alive, deadlines) = (Rc::clone(&alive), Rc::clone(&core.deadlines));
            spawn("perhaps", core.gate.pass().unwrap(), async move {
                deadlines.sleep(10).await;
                assert!(turn % 2 == 0, "a panic that the test wants");
                deadlines.sleep(10).await;
                alive.set(alive.get() + 1);
            });
        }
        core.gate.empty().await;
        assert_eq!((alive.get(), core.gate.panics()), (5, 5));
    });
}

#[test]
fn a_fenced_request_leaves_its_connection_standing() {
    on_both(async |core: Core| {
        core.tick();
        let deadlines = Rc::clone(&core.deadlines);
        let request = async move {
            deadlines.sleep(5).await;
            panic!("a panic that the test wants");
        };
        let outcome: Result<(), Panicked> = fence("request", request).await;
        assert_eq!(outcome, Err(Panicked { name: "request" }));
        core.deadlines.sleep(5).await;
    });
}

#[test]
fn a_fence_holds_its_future_once() {
    let big = async {
        let mut bytes = [0_u8; 3000];
        for byte in &mut bytes {
            *byte = std::future::ready(1).await;
        }
    };
    let bare = size_of_val(&big);
    assert!(bare >= 3000);
    assert!(size_of_val(&fence("big", big)) <= bare + 16);
}

#[test]
fn a_closed_gate_gives_no_pass_and_empties() {
    on_both(async |core: Core| {
        core.tick();
        for _ in 0..3 {
            let deadlines = Rc::clone(&core.deadlines);
            let pass = core.gate.pass().unwrap();
            spawn("short", pass, async move { deadlines.sleep(20).await });
        }
        core.gate.close();
        assert!(core.gate.pass().is_none());
        assert_eq!(core.gate.passes(), 3);
        core.gate.empty().await;
        assert_eq!(core.gate.passes(), 0);
    });
}

#[test]
fn a_ring_from_another_thread_wakes_every_waiter() {
    on_both(async |core: Core| {
        core.tick();
        let (button, socket) = doorbell().unwrap();
        let bell = Rc::new(Bell::new());
        let (pool, deadlines) = (Rc::clone(&core.pool), Rc::clone(&core.deadlines));
        let heard = Rc::clone(&bell);
        spawn("bell", core.gate.pass().unwrap(), async move {
            listen(socket, heard, &pool, &deadlines).await.unwrap();
        });
        let woken = Rc::new(Cell::new(0));
        for _ in 0..3 {
            let (bell, woken) = (Rc::clone(&bell), Rc::clone(&woken));
            spawn("waiter", core.gate.pass().unwrap(), async move {
                for turn in 0..20 {
                    bell.wait_past(turn).await;
                    woken.set(woken.get() + 1);
                }
            });
        }
        // Rings may melt into one: as many as it takes.
        let (is_heard, stop) = (Arc::new(AtomicBool::new(false)), Ordering::Relaxed);
        let heard_by_ringer = Arc::clone(&is_heard);
        let ringer = thread::spawn(move || {
            while !heard_by_ringer.load(stop) {
                thread::sleep(Duration::from_millis(3));
                button.ring();
            }
        });
        while woken.get() < 60 {
            bell.wait_past(bell.rings()).await;
        }
        is_heard.store(true, stop);
        core.gate.empty().await;
        ringer.join().unwrap();
        assert_eq!(woken.get(), 60);
    });
}

#[test]
fn waiting_for_a_bell_gives_up_at_its_time() {
    on_both(async |core: Core| {
        core.tick();
        let bell = Rc::new(Bell::new());
        let (socket, _peer) = core.pair();
        let at = core.deadlines.clock().now_ms() + 30;
        assert!(!bell.wait_until(bell.rings(), socket.watch(), at).await);
        assert!(core.deadlines.clock().now_ms() >= at);

        let (ringer, deadlines) = (Rc::clone(&bell), Rc::clone(&core.deadlines));
        spawn("ringer", core.gate.pass().unwrap(), async move {
            deadlines.sleep(10).await;
            ringer.ring();
        });
        assert!(bell.wait_until(bell.rings(), socket.watch(), at + 60_000).await);
    });
}

#[test]
fn a_turn_ends_once_behind_the_tasks_that_were_ready() {
    on_both(async |core: Core| {
        core.tick();
        let (turn, ends) = (Turn::new(), Rc::new(Cell::new(0)));
        let (ending, count) = (Rc::clone(&turn), Rc::clone(&ends));
        spawn("turn", core.gate.pass().unwrap(), async move {
            while count.get() < 2 {
                ending.end().await;
                count.set(count.get() + 1);
            }
        });
        let times = Rc::new(Cell::new((0, 0)));
        let mut last = 0;
        for number in 0..2 {
            for _ in 0..3 {
                let (turn, ends, times) = (Rc::clone(&turn), Rc::clone(&ends), Rc::clone(&times));
                spawn("ready", core.gate.pass().unwrap(), async move {
                    thread::sleep(Duration::from_millis(2));
                    assert_eq!(ends.get(), number);
                    times.set((times.get().1, turn.now_us()));
                });
            }
            core.deadlines.sleep(20).await;
            let (before, now) = times.get();
            assert_eq!((before, ends.get()), (now, number + 1), "a turn has one time");
            assert!(now > last, "the next turn has the next");
            last = now;
        }
        core.gate.empty().await;
        assert_eq!(core.gate.panics(), 0);
    });
}
