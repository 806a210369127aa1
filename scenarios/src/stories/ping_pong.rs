//! clients ◀──▶ servers      every ping is answered, although the links lose, repeat, reorder and corrupt
//!
//! A client sends one ping at a time and sends it again until the pong is there. The answer names its ping, and a
//! checksum guards both, so nothing but the right answer counts.

use super::{broken, law};
use crc::{CRC_32_ISO_HDLC, Crc};
use std::cell::RefCell;
use std::rc::Rc;
use tidemill_seam::Duration;
use tidemill_sim::harness::{Must, Param, Params, Shrink, Story};
use tidemill_sim::{
    Address, Cause, Context, Event, Failure, Latency, LinkConfig, Process, Rate, Sim, sometimes,
};

pub(super) const STORY: Story = Story {
    name: "ping_pong",
    picture: "clients ◀──▶ servers",
    about: "every ping is answered, although the links lose, repeat, reorder and corrupt",
    seeds: 1_000,
    must: Must::Pass,
    params: &[
        Param {
            name: "pairs",
            default: 3,
            range: 1..=100,
            about: "clients, and as many servers",
            shrink: Shrink::Machines,
        },
        Param {
            name: "pings",
            default: 100,
            range: 1..=1_000_000,
            about: "pings a client sends",
            shrink: Shrink::Items,
        },
        Param {
            name: "loss",
            default: 50,
            range: 0..=900,
            about: "datagrams lost of a thousand",
            shrink: Shrink::No,
        },
    ],
    body: play,
};

const RESEND: Duration = Duration::from_millis(50);
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

fn play(sim: &mut Sim, params: &Params) -> Result<(), Failure> {
    sim.links(LinkConfig {
        latency: Latency::Uniform { min: Duration::from_millis(1), max: Duration::from_millis(10) },
        loss: per_thousand(params.get("loss")),
        duplicate: Rate::percent(2),
        reorder: Rate::percent(2),
        corrupt: Rate::percent(1),
        ..LinkConfig::default()
    });
    let pings = params.get("pings");
    let books: Vec<Book> = (0..params.get("pairs")).map(|pair| couple(sim, pair, pings)).collect();
    broken(sim.run())?;
    let stats = *sim.stats();
    if params.get("loss") > 0 {
        sometimes!(sim, stats.dropped(Cause::Loss) > 0, "a link loses a datagram");
    }
    sometimes!(sim, stats.duplicated > 0, "a link delivers twice");
    sometimes!(sim, stats.reordered > 0, "a datagram is overtaken");
    sometimes!(sim, stats.corrupted > 0, "a link flips a bit");
    for book in books {
        let Ledger { answered, served, foreign } = *book.borrow();
        law(sim, "every ping is answered", answered == pings, || format!("{answered} of {pings} were"))?;
        law(sim, "no pong without a ping", served >= answered && foreign == 0, || {
            format!("{served} pings served, {answered} answered, {foreign} pongs for pings never sent")
        })?;
    }
    Ok(())
}

/// What a client and its server did.
#[derive(Debug, Default)]
struct Ledger {
    answered: u64,
    served: u64,
    foreign: u64,
}

type Book = Rc<RefCell<Ledger>>;

/// A client and a server, each on a machine of its own.
fn couple(sim: &mut Sim, pair: u64, pings: u64) -> Book {
    let book = Book::default();
    let (near, far) = (sim.machine(&format!("client{pair}")), sim.machine(&format!("server{pair}")));
    let server = sim.spawn(far, "pong", Box::new(Server { book: book.clone() }));
    let client = Client { server: sim.address(server), pings, next: 0, book: book.clone() };
    sim.spawn(near, "ping", Box::new(client));
    book
}

struct Client {
    server: Address,
    pings: u64,
    /// The ping that is out, or will be.
    next: u64,
    book: Book,
}

impl Client {
    fn send(&self, context: &mut Context<'_>) {
        context.send(self.server, &seal(self.next)).expect("a short datagram to a machine that is there");
        context.timer(RESEND, self.next);
    }
}

impl Process for Client {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        match event {
            Event::Start => self.send(context),
            Event::Timer { token } if token == self.next && self.next < self.pings => self.send(context),
            Event::Datagram { bytes, .. } => match open(bytes) {
                Some(number) if number == self.next && number < self.pings => {
                    self.book.borrow_mut().answered += 1;
                    self.next += 1;
                    if self.next < self.pings {
                        self.send(context);
                    }
                }
                Some(number) if number > self.next => self.book.borrow_mut().foreign += 1,
                // An answer that came twice, or one that was damaged on the way.
                _ => {}
            },
            _ => {}
        }
    }

    fn waiting(&self) -> Option<String> {
        (self.next < self.pings).then(|| format!("the answer to ping {}", self.next))
    }
}

struct Server {
    book: Book,
}

impl Process for Server {
    fn on(&mut self, context: &mut Context<'_>, event: Event<'_>) {
        if let Event::Datagram { from, bytes, .. } = event
            && open(bytes).is_some()
        {
            self.book.borrow_mut().served += 1;
            context.send(from, bytes).expect("a short datagram to a machine that is there");
        }
    }
}

/// A number and its checksum.
fn seal(number: u64) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    bytes[8..].copy_from_slice(&CRC.checksum(&number.to_le_bytes()).to_le_bytes());
    bytes
}

/// The number, if its checksum fits.
fn open(bytes: &[u8]) -> Option<u64> {
    let (number, checksum) = bytes.split_first_chunk::<8>()?;
    (checksum == CRC.checksum(number).to_le_bytes()).then(|| u64::from_le_bytes(*number))
}

pub(super) fn per_thousand(parts: u64) -> Rate {
    Rate::per_million(u32::try_from(parts).unwrap_or(1_000).saturating_mul(1_000))
}
