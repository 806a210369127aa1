//! `async` blocks as inhabitants, on the kernel that also drives state machines (law K5).
//!
//! A process of tasks owns an executor of its own. Which of several runnable tasks is polled next is a choice (`task`),
//! so every order is found sooner or later, and zero is the order in which they woke. Futures are dropped with their
//! process; a dropped [`Sleep`] leaves no timer behind, and a dropped [`Recv`] takes no datagram with it.

mod env;
mod store;
mod stream;
mod wait;
mod wake;

use std::fmt::Write;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Poller, Waker};

pub use env::{Env, Task};
pub use wait::{Changed, Recv, Sleep, Yield};

use crate::kernel::Kernel;
use crate::machine::{MachineId, ProcessId};
use crate::process::{Context, Event, Process};
use crate::seams::Seams;
use crate::sim::Sim;
use crate::streams::Choices;
use wake::{Ready, TaskWaker};

pub(crate) type Body = Pin<Box<dyn Future<Output = ()>>>;

struct Slot {
    name: String,
    body: Body,
    waker: Waker,
}

/// A process made of tasks.
pub struct Tasks {
    env: Env,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    ready: Arc<Ready>,
    runnable: Vec<usize>,
}

impl Tasks {
    /// A process whose first task, `main`, is the future that `main` gives.
    pub fn new<F: Future<Output = ()> + 'static>(seams: &Seams, main: impl FnOnce(Env) -> F) -> Self {
        let env = Env::new(seams);
        let ready = Arc::new(Ready::new(seams.me(), seams.bells()));
        let future = main(env.clone());
        env.begin("main", Box::pin(future));
        Self { env, slots: Vec::new(), free: Vec::new(), ready, runnable: Vec::new() }
    }

    fn adopt(&mut self) {
        for (name, body) in self.env.born() {
            let id = self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                self.slots.len() - 1
            });
            let waker = Waker::from(Arc::new(TaskWaker::new(id, Arc::clone(&self.ready))));
            waker.wake_by_ref();
            self.slots[id] = Some(Slot { name, body, waker });
        }
    }

    /// Polls until no task is runnable.
    fn run(&mut self, context: &mut Context<'_>) {
        let mut polls = 0;
        loop {
            self.adopt();
            self.ready.drain(&mut self.runnable);
            if self.runnable.is_empty() || context.kernel.ended {
                break;
            }
            let which = context.pick("task", &self.runnable);
            let id = self.runnable.remove(which);
            self.poll(context, id);
            polls += 1;
            if polls > context.kernel.limits.instant_max {
                self.busy(context, id, polls);
                break;
            }
        }
        self.env.settle(context);
    }

    fn poll(&mut self, context: &mut Context<'_>, id: usize) {
        let stream = context.kernel.process_stream(context.process);
        let Some(slot) = &mut self.slots[id] else { return };
        let waker = slot.waker.clone();
        let done = {
            let lent = Lent::new(&self.env, context.kernel, stream);
            let done = slot.body.as_mut().poll(&mut Poller::from_waker(&waker)).is_ready();
            drop(lent);
            done
        };
        if done {
            self.slots[id] = None;
            self.free.push(id);
        }
    }

    #[cold]
    fn busy(&self, context: &mut Context<'_>, id: usize, polls: u32) {
        let task = self.slots[id].as_ref().map_or("which just ended", |slot| slot.name.as_str());
        let entity = context.kernel.process_name(context.process);
        let message = format!("{polls} polls at one instant in {entity}, the last one of task {task}");
        context.kernel.fail("livelock", message, format!("{entity}/{task}"));
    }
}

/// Lends the decisions to the tasks while one of them is polled, and takes them back even if it panics. What a task
/// complained of before its process died at a store is heard all the same.
struct Lent<'a> {
    env: &'a Env,
    kernel: &'a mut Kernel,
}

impl<'a> Lent<'a> {
    fn new(env: &'a Env, kernel: &'a mut Kernel, stream: crate::streams::StreamId) -> Self {
        let choices = std::mem::replace(&mut kernel.choices, Choices::away());
        env.lend(choices, stream);
        Self { env, kernel }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.kernel.choices = self.env.take_back();
        if std::thread::panicking()
            && let Some((site, message)) = self.env.complaint()
        {
            self.kernel.fail(&site, message, self.env.seams().name().to_owned());
        }
    }
}

impl Process for Tasks {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        self.ready.enter();
        match event {
            Event::Timer { token } => self.env.ring(token as usize),
            Event::Readable { .. } | Event::Datagram { .. } | Event::Notified | Event::Stream { .. } => {
                self.env.changed_now()
            }
            Event::Start => {}
        }
        self.run(context);
        self.ready.leave();
    }

    fn waiting(&self) -> Option<String> {
        let mut unfinished = self.slots.iter().flatten();
        let mut text = format!("task {}", unfinished.next()?.name);
        for slot in unfinished {
            let _ = write!(text, ", task {}", slot.name);
        }
        Some(text)
    }

    fn tasks(&self) -> usize {
        self.slots.iter().flatten().count()
    }
}

impl Sim<Box<dyn Process>> {
    /// Starts a process of tasks, now and at every restart. What the closure owns survives a kill.
    ///
    /// ```
    /// use tidemill_sim::{Duration, Sim};
    /// let mut sim = Sim::new(7);
    /// let (left, right) = (sim.machine("left"), sim.machine("right"));
    /// let echo = sim.spawn_async(right, "echo", |env| async move {
    ///     let (from, bytes) = env.recv().await;
    ///     env.send(from, &bytes).unwrap();
    /// });
    /// let echo = sim.address(echo);
    /// sim.spawn_async(left, "caller", move |env| async move {
    ///     env.send(echo, b"anybody there?").unwrap();
    ///     assert_eq!(env.recv().await.1, b"anybody there?");
    ///     env.sleep(Duration::from_secs(1)).await;
    /// });
    /// sim.run().expect_ok();
    /// ```
    ///
    /// # Panics
    /// As [`spawn`](Self::spawn).
    pub fn spawn_async<F: Future<Output = ()> + 'static>(
        &mut self,
        machine: MachineId,
        name: &str,
        mut main: impl FnMut(Env) -> F + 'static,
    ) -> ProcessId {
        self.spawn_with(machine, name, move |seams| Box::new(Tasks::new(seams, &mut main)))
    }
}

/// A task that was never polled holds its environment, which holds the task: this is where the circle is opened.
impl Drop for Tasks {
    fn drop(&mut self) {
        drop(self.env.born());
    }
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("waiting", &self.waiting()).finish_non_exhaustive()
    }
}
