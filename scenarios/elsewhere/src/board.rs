use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::script::Class;

/// What a script does to its world.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Act {
    /// What is sent from now on in either direction is lost.
    Cut,
    /// Nothing is cut any more.
    Heal,
    /// A cut that heals by itself after a third of a second.
    Outage,
    /// The server does not answer any more, and nobody says that it does not. Where that takes another server, the board
    /// says which.
    Hush,
    /// Some of what is sent is lost.
    Lossy,
    /// The server dies.
    Crash,
    /// The server dies and starts anew.
    Restart,
}

/// What programs and their world tell each other outside of the network.
#[derive(Debug)]
pub struct Board<A>(Arc<Mutex<Notes<A>>>);

#[derive(Debug)]
struct Notes<A> {
    server: Option<A>,
    client: Option<A>,
    asked: Option<Act>,
    done: Vec<Act>,
    repeats: Option<u32>,
    said: Option<Class>,
}

impl<A: Copy> Board<A> {
    /// With nothing on it.
    pub fn new() -> Self {
        let (server, client, asked, repeats, said) = (None, None, None, None, None);
        Self(Arc::new(Mutex::new(Notes { server, client, asked, done: Vec::new(), repeats, said })))
    }

    fn notes(&self) -> MutexGuard<'_, Notes<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says where the server is reached.
    pub fn server_is_at(&self, address: A) {
        self.notes().server = Some(address);
    }

    /// Nobody knows where the server is reached, until it says so anew.
    pub fn forget_server(&self) {
        self.notes().server = None;
    }

    /// Says where the client is reached.
    pub fn client_is_at(&self, address: A) {
        self.notes().client = Some(address);
    }

    /// Where the server is reached, once it has said so.
    pub fn server(&self) -> Option<A> {
        self.notes().server
    }

    /// Where the client is reached, once it has said so.
    pub fn client(&self) -> Option<A> {
        self.notes().client
    }

    /// Asks the world for something.
    ///
    /// # Panics
    /// If the world has not done what it was asked for before.
    pub fn ask(&self, act: Act) {
        let before = self.notes().asked.replace(act);
        assert_eq!(before, None, "one act at a time");
    }

    /// What the world is asked for.
    pub fn asked(&self) -> Option<Act> {
        self.notes().asked
    }

    /// The world has done what it was asked for.
    pub fn performed(&self) {
        let mut notes = self.notes();
        let act = notes.asked.take();
        notes.done.extend(act);
    }

    /// How often the world has done it.
    pub fn times(&self, act: Act) -> usize {
        self.notes().done.iter().filter(|done| **done == act).count()
    }

    /// The sender of items has come to its end, and sent so many of them again.
    pub fn all_sent(&self, repeats: u32) {
        self.notes().repeats = Some(repeats);
    }

    /// How many items were sent again, once all are sent.
    pub fn repeats(&self) -> Option<u32> {
        self.notes().repeats
    }

    /// The client says how the step ended.
    pub fn say(&self, class: Class) {
        self.notes().said = Some(class);
    }

    /// How the step ended, once it has.
    pub fn said(&self) -> Option<Class> {
        self.notes().said
    }
}

impl<A: Copy> Default for Board<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A> Clone for Board<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
