//! `tidemill ring`: rings between processes, seen from outside.

use super::text::{Table, count, plain};
use super::{Exit, complain};
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::PathBuf;
use tidemill_host::ring::{self, AttachError, Look};
use tidemill_ring::segment::{Participant, Phase, Standing};
use tidemill_ring::table::State;
use tidemill_seam::Life;

const SHARED: &str = "/dev/shm";

#[derive(Args, Debug)]
pub(super) struct RingOf {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    /// Lists rings: who makes them, whether it lives, and how far it came.
    Ls(Ls),
    /// Shows one ring: positions, participants, what became of their items, and the last events.
    Stat(Stat),
}

const EXITS: &str = "\
Opens and maps read-only, and takes part in nothing: a ring in use and one whose users are all dead are looked at alike.

Exit codes:
  0  nothing to remark
  1  an owner that is proved dead still has its place, or a file that is called as a ring is none
  2  there is no such ring or folder, or it may not be read
  3  what is there is no ring (of `stat`)";

#[derive(Args, Debug)]
#[command(after_help = EXITS)]
struct Ls {
    /// Where to look for `tm.<name>` and `<name>.ring`.
    #[arg(value_name = "FOLDER", default_value = SHARED)]
    folders: Vec<PathBuf>,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
#[command(after_help = EXITS)]
struct Stat {
    /// The name of a ring in shared memory, or the path of its file: with a slash or a dot in it.
    #[arg(value_name = "RING")]
    ring: String,

    /// Prints JSON.
    #[arg(long)]
    json: bool,
}

impl RingOf {
    pub(super) fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        match &self.what {
            What::Ls(ls) => ls.run(out),
            What::Stat(stat) => stat.run(out),
        }
    }
}

/// What a ring came to.
struct Seen {
    path: PathBuf,
    look: Look,
    standing: Option<Standing>,
    producer: Option<Life>,
    participants: Vec<(Participant, Life)>,
}

impl Seen {
    fn at(path: PathBuf) -> Result<Self, AttachError> {
        let look = Look::at(&path)?;
        let life = |one: Participant| (one, look.life(one.slot, one.ctl.generation));
        let participants = look.segment().participants().map(life).collect();
        let (standing, producer) = (look.segment().standing(), look.producer());
        Ok(Self { path, look, standing, producer, participants })
    }

    fn state(&self) -> &'static str {
        match (self.standing.map(|standing| standing.phase), self.producer) {
            (None, _) => "foreign",
            (Some(Phase::Making), _) => "being made",
            (Some(Phase::Closed), _) => "closed",
            (Some(Phase::Shut), _) => "shut down",
            (Some(Phase::Ready), None) => "fresh",
            (Some(Phase::Ready), Some(Life::Dead)) => "orphaned",
            (Some(Phase::Ready), Some(Life::Alive)) => "open",
            (Some(Phase::Ready), Some(Life::Unknown)) => "unknown",
        }
    }

    fn of_life(&self, life: Life) -> usize {
        self.participants.iter().filter(|(_, of)| *of == life).count()
    }

    /// Whether somebody dead still has its place.
    fn remarkable(&self) -> bool {
        matches!(self.state(), "orphaned" | "foreign") || self.of_life(Life::Dead) > 0
    }

    fn generation(&self) -> u32 {
        self.standing.map_or(0, |standing| standing.generation)
    }

    fn brief(&self) -> Value {
        let (segment, spec) = (self.look.segment(), *self.look.segment().header().layout.spec());
        json!({
            "path": self.path.to_string_lossy(),
            "state": self.state(),
            "generation": self.generation(),
            "producer": segment.producer_identity().process,
            "slots": spec.capacity,
            "element_bytes": spec.size,
            "history": spec.history,
            "places": spec.participants,
            "segment": format!("{:032x}", segment.header().id.0),
            "published": segment.published().0,
            "gate": segment.gate().0,
            "unheard": segment.unheard(),
            "alive": self.of_life(Life::Alive),
            "dead": self.of_life(Life::Dead),
        })
    }
}

impl Ls {
    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let (mut seen, mut others) = (Vec::new(), Vec::new());
        for folder in &self.folders {
            let files = match ring::list(folder) {
                Ok(files) => files,
                Err(error) => {
                    complain(&format_args!("{}: {error}", plain(&folder.to_string_lossy())));
                    return Ok(Exit::Usage);
                }
            };
            for path in files {
                match Seen::at(path.clone()) {
                    Ok(one) => seen.push(one),
                    // Gone since the folder was read.
                    Err(AttachError::NotFound) => {}
                    Err(error) => others.push((path, error)),
                }
            }
        }
        if self.json {
            let rings: Vec<Value> = seen.iter().map(Seen::brief).collect();
            let other = |(path, error): &(PathBuf, AttachError)| json!({ "path": path.to_string_lossy(), "why": error.to_string() });
            let others: Vec<Value> = others.iter().map(other).collect();
            writeln!(out, "{:#}", json!({ "rings": rings, "others": others }))?;
        } else if seen.is_empty() && others.is_empty() {
            writeln!(out, "no rings")?;
        } else {
            write!(out, "{}", table(&seen))?;
            for (path, error) in &others {
                writeln!(out, "{}: {error}", plain(&path.to_string_lossy()))?;
            }
        }
        let remarkable = !others.is_empty() || seen.iter().any(Seen::remarkable);
        Ok(if remarkable { Exit::Failed } else { Exit::Passed })
    }
}

fn table(seen: &[Seen]) -> Table<8> {
    let mut table = Table::new("");
    let head = ["ring", "state", "generation", "producer", "slots", "published", "alive", "dead"];
    table.row(head.map(str::to_owned));
    for one in seen {
        let segment = one.look.segment();
        table.row([
            plain(&one.path.to_string_lossy()),
            one.state().to_owned(),
            one.generation().to_string(),
            segment.producer_identity().process.to_string(),
            count(segment.header().layout.spec().capacity),
            count(segment.published().0),
            one.of_life(Life::Alive).to_string(),
            one.of_life(Life::Dead).to_string(),
        ]);
    }
    table
}

impl Stat {
    fn path(&self) -> Result<PathBuf, String> {
        if self.ring.contains(['/', '.']) {
            return Ok(PathBuf::from(&self.ring));
        }
        ring::ring(&self.ring).map(|ring| ring.path().to_owned()).map_err(|error| error.to_string())
    }

    fn run(&self, out: &mut impl Write) -> io::Result<Exit> {
        let seen = self.path().map(|path| (Seen::at(path.clone()), path));
        let seen = match seen {
            Ok((Ok(seen), _)) => seen,
            Ok((Err(error), path)) => {
                complain(&format_args!("{}: {error}", plain(&path.to_string_lossy())));
                let none = matches!(error, AttachError::Incompatible { .. } | AttachError::NotReady);
                return Ok(if none { Exit::Departed } else { Exit::Usage });
            }
            Err(error) => {
                complain(&format_args!("{}: {error}", plain(&self.ring)));
                return Ok(Exit::Usage);
            }
        };
        if self.json {
            let mut whole = seen.brief();
            whole["participants"] = seen.participants.iter().map(participant).collect();
            whole["journal"] = seen
                .look
                .segment()
                .journal()
                .map(|event| {
                    json!({ "number": event.number, "what": kind(&event), "slot": event.slot,
                    "generation": event.generation, "position": event.position })
                })
                .collect();
            writeln!(out, "{whole:#}")?;
        } else {
            show(&seen, out)?;
        }
        Ok(if seen.remarkable() { Exit::Failed } else { Exit::Passed })
    }
}

const POLICIES: [&str; 4] = ["block", "lossy", "evict", "fail"];

fn policy(one: &Participant) -> &'static str {
    POLICIES[one.ctl.policy as usize & 3]
}

fn kind(event: &tidemill_ring::journal::Entry) -> String {
    format!("{:?}", event.kind).to_lowercase()
}

fn state(state: State) -> String {
    format!("{state:?}").to_lowercase()
}

fn life(life: Life) -> &'static str {
    match life {
        Life::Alive => "alive",
        Life::Dead => "dead",
        Life::Unknown => "unknown",
    }
}

fn name(one: &Participant) -> String {
    one.name.map_or_else(|| "?".to_owned(), |name| name.to_string())
}

fn participant((one, of): &(Participant, Life)) -> Value {
    let account = one.account;
    json!({
        "slot": one.slot,
        "name": name(one),
        "state": state(one.ctl.state),
        "policy": policy(one),
        "life": life(*of),
        "process": one.who.process,
        "cursor": one.cursor.0,
        "in_flight": account.in_flight,
        "consumed": account.consumed,
        "lagged": account.lagged,
        "lost": account.lost,
    })
}

fn show(seen: &Seen, out: &mut impl Write) -> io::Result<()> {
    let segment = seen.look.segment();
    let spec = segment.header().layout.spec();
    writeln!(out, "{}", plain(&seen.path.to_string_lossy()))?;
    let (state, process) = (seen.state(), segment.producer_identity().process);
    writeln!(out, "  {state}, generation {}, process {process}", seen.generation())?;
    let (slots, bytes, history) = (count(spec.capacity), count(spec.size), count(spec.history));
    writeln!(out, "  {slots} slots of {bytes} bytes, history {history}, {} places", spec.participants)?;
    let (published, gate, unheard) = (segment.published().0, segment.gate().0, segment.unheard());
    writeln!(out, "  published {published}, gate {gate}, unheard {unheard}")?;
    let mut table = Table::new("  ");
    let head =
        ["name", "slot", "state", "policy", "owner", "process", "in flight", "consumed", "lagged", "lost"];
    table.row(head.map(str::to_owned));
    for (one, of) in &seen.participants {
        let account = one.account;
        table.row([
            name(one),
            one.slot.to_string(),
            self::state(one.ctl.state),
            policy(one).to_owned(),
            life(*of).to_owned(),
            one.who.process.to_string(),
            count(account.in_flight),
            count(account.consumed),
            count(account.lagged),
            count(account.lost),
        ]);
    }
    if !seen.participants.is_empty() {
        write!(out, "{table}")?;
    }
    for event in segment.journal() {
        let (number, what, slot) = (event.number, kind(&event), event.slot);
        writeln!(
            out,
            "  #{number} {what}, slot {slot}, generation {}, position {}",
            event.generation, event.position
        )?;
    }
    Ok(())
}
