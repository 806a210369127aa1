//! `async` blocks keep the laws of the kernel (K5, K7).

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tidemill_seam::{Duration, Instant};
use tidemill_sim::{Config, Env, LinkConfig, Outcome, Process, Rate, Sim};

fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The output of whichever is ready first; both are dropped then.
async fn first<A: Future, B: Future>(a: A, b: B) -> Result<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    std::future::poll_fn(|poller| match (a.as_mut().poll(poller), b.as_mut().poll(poller)) {
        (Poll::Ready(a), _) => Poll::Ready(Ok(a)),
        (_, Poll::Ready(b)) => Poll::Ready(Err(b)),
        _ => Poll::Pending,
    })
    .await
}

fn order_of_five(seed: u64) -> Vec<u32> {
    let mut sim = Sim::new(seed);
    let (host, order) = (sim.machine("host"), Rc::new(RefCell::new(Vec::new())));
    let seen = Rc::clone(&order);
    sim.spawn_async(host, "five", move |env| {
        let seen = Rc::clone(&seen);
        async move {
            for number in 0..5 {
                let seen = Rc::clone(&seen);
                env.spawn("one", async move { seen.borrow_mut().push(number) });
            }
        }
    });
    sim.run().expect_ok();
    order.take()
}

#[test]
fn runnable_tasks_go_in_an_order_that_the_seed_decides() {
    assert_eq!(order_of_five(3), order_of_five(3));
    let orders: std::collections::BTreeSet<_> = (0..40).map(order_of_five).collect();
    assert!(orders.len() > 20, "only {} orders in 40 seeds", orders.len());
}

#[test]
fn sleepers_wake_at_their_instant_and_in_the_order_of_their_instants() {
    let mut sim = Sim::new(1);
    let (host, woken) = (sim.machine("host"), Rc::new(RefCell::new(Vec::new())));
    let seen = Rc::clone(&woken);
    sim.spawn_async(host, "sleepers", move |env| {
        let seen = Rc::clone(&seen);
        async move {
            for n in [3, 1, 2, 5, 4] {
                let (env2, seen) = (env.clone(), Rc::clone(&seen));
                env.spawn("sleeper", async move {
                    env2.sleep(ms(n)).await;
                    seen.borrow_mut().push((env2.now(), n));
                });
            }
        }
    });
    assert_eq!(sim.run(), Outcome::Quiet);
    assert_eq!(woken.take(), (1..=5).map(|n| (Instant::ZERO + ms(n), n)).collect::<Vec<_>>());
}

async fn stubborn_caller(env: Env, echo: tidemill_sim::Address, answered: Rc<Cell<u32>>) {
    for number in 0_u32..100 {
        loop {
            env.send(echo, &number.to_be_bytes()).unwrap();
            match first(env.recv(), env.sleep(ms(30))).await {
                Ok((_, bytes)) if bytes == number.to_be_bytes() => break,
                Ok(_) | Err(()) => {}
            }
        }
        answered.set(answered.get() + 1);
    }
}

#[test]
fn a_caller_that_selects_between_answer_and_timeout_gets_through_a_lossy_link() {
    let run = |seed| {
        let mut sim = Sim::new(seed);
        sim.links(LinkConfig {
            loss: Rate::percent(20),
            duplicate: Rate::percent(5),
            ..LinkConfig::default()
        });
        let (left, right) = (sim.machine("left"), sim.machine("right"));
        let echo = sim.spawn_async(right, "echo", |env| async move {
            loop {
                let (from, bytes) = env.recv().await;
                env.send(from, &bytes).unwrap();
            }
        });
        sim.daemon(echo);
        let (to, answered) = (sim.address(echo), Rc::new(Cell::new(0)));
        let count = Rc::clone(&answered);
        sim.spawn_async(left, "caller", move |env| stubborn_caller(env, to, Rc::clone(&count)));
        assert_eq!(sim.run(), Outcome::Quiet, "a dropped sleep leaves no timer behind");
        assert_eq!((answered.get(), sim.pending()), (100, 0));
        sim.hash()
    };
    assert_eq!(run(4), run(4));
    assert_ne!(run(4), run(5));
}

#[test]
fn the_result_of_a_task_reaches_who_awaits_it() {
    let mut sim = Sim::new(1);
    let host = sim.machine("host");
    sim.spawn_async(host, "parent", |env| async move {
        let env2 = env.clone();
        let child = env.spawn("child", async move {
            env2.sleep(ms(5)).await;
            7
        });
        if child.await != 7 || env.now() != Instant::ZERO + ms(5) {
            env.fail("parent", "the child's word was lost");
        }
    });
    sim.run().expect_ok();
}

#[test]
fn a_task_that_waits_for_ever_is_named_with_its_process_and_machine() {
    let mut sim = Sim::new(1);
    let host = sim.machine("host");
    sim.spawn_async(host, "caller", |env| async move {
        let env2 = env.clone();
        let answer = env.spawn("hears-nothing", async move { env2.recv().await });
        answer.await;
    });
    let outcome = sim.run();
    let failure = outcome.failure().expect("a deadlock");
    assert_eq!(
        failure.id,
        "deadlock: nothing will ever happen again, and host/caller waits: task main, task hears-nothing"
    );
}

#[test]
fn a_task_that_never_waits_is_named() {
    let mut sim = Sim::with(1, Config { instant_max: 1000, ..Config::default() });
    let host = sim.machine("host");
    sim.spawn_async(host, "busy", |env| async move {
        loop {
            env.yield_now().await;
        }
    });
    let outcome = sim.run();
    let failure = outcome.failure().expect("a livelock");
    assert_eq!(failure.entity, "host/busy/main");
    assert!(failure.id.starts_with("livelock: # polls at one instant in host/busy"), "{failure}");
}

#[test]
fn a_waker_carried_to_another_process_wakes_its_own() {
    let mut sim = Sim::new(1);
    let (left, right) = (sim.machine("left"), sim.machine("right"));
    let (waker, told) = (Rc::new(RefCell::new(None)), Rc::new(Cell::new(false)));
    let (kept, flag) = (Rc::clone(&waker), Rc::clone(&told));
    sim.spawn_async(left, "waits", move |_| {
        let (kept, flag) = (Rc::clone(&kept), Rc::clone(&flag));
        std::future::poll_fn(move |poller| {
            *kept.borrow_mut() = Some(poller.waker().clone());
            if flag.get() { Poll::Ready(()) } else { Poll::Pending }
        })
    });
    sim.spawn_async(right, "wakes", move |env| {
        let (waker, told) = (Rc::clone(&waker), Rc::clone(&told));
        async move {
            env.sleep(ms(3)).await;
            told.set(true);
            waker.borrow_mut().take().expect("the other one waits").wake();
        }
    });
    assert_eq!(sim.run(), Outcome::Quiet);
}

#[test]
fn whatever_tasks_owned_is_dropped_with_their_process_even_if_they_never_ran() {
    for run_first in [false, true] {
        let token = Rc::new(());
        let mut sim: Sim<Box<dyn Process>> = Sim::new(1);
        let host = sim.machine("host");
        let kept = Rc::downgrade(&token);
        let mut token = Some(token);
        let holder = sim.spawn_async(host, "holder", move |env| {
            let token = token.take();
            async move {
                env.sleep(Duration::from_secs(1)).await;
                drop(token);
            }
        });
        if run_first {
            let _ = sim.run_for(ms(1));
        }
        assert!(kept.upgrade().is_some());
        sim.kill(holder);
        assert!(kept.upgrade().is_none(), "K6");
        assert_eq!(sim.run(), Outcome::Quiet);
    }
}

#[test]
fn a_choice_by_a_task_belongs_to_its_process_and_survives_a_panic() {
    let mut sim = Sim::with(1, Config { record: true, ..Config::default() });
    let host = sim.machine("host");
    sim.spawn_async(host, "chooser", |env| async move {
        while env.choose("coin", 1000) == 0 {}
        panic!("on purpose");
    });
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sim.run()));
    assert!(caught.is_err());
    assert_eq!(sim.recorded()[0].site.to_string(), "host/chooser#coin#0");
    assert_eq!(sim.locate().2, "host/chooser");
}
