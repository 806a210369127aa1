use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tidemill_host::ring::{AttachError, Look};
use tidemill_ring::app::AppCount;
use tidemill_ring::segment::{Participant, Phase, Standing};
use tidemill_ring::table::State;
use tidemill_ring::{End, Holder, Layout};
use tidemill_seam::Life;

/// What a ring came to.
pub(super) struct Seen {
    pub(super) path: PathBuf,
    pub(super) look: Look,
    pub(super) standing: Option<Standing>,
    pub(super) producer: Option<Life>,
    /// Those that have a place, where several may produce.
    pub(super) producers: Vec<(Holder, Life)>,
    pub(super) participants: Vec<(Participant, Life)>,
    /// What the application counts, and whether whoever did last still lives.
    pub(super) counters: Vec<(AppCount, Life)>,
}

/// Why the producer cannot go on.
pub(super) struct Full {
    /// Slots and names of those whom it waits for.
    pub(super) by: Vec<(u32, String)>,
    /// The item that they have not taken.
    pub(super) at: u64,
}

impl Seen {
    pub(super) fn at(path: &Path) -> Result<Self, AttachError> {
        let look = Look::at(path)?;
        let (producers, participants, counters) = (Vec::new(), Vec::new(), Vec::new());
        let path = path.to_owned();
        let mut seen = Self { path, look, standing: None, producer: None, producers, participants, counters };
        seen.again();
        Ok(seen)
    }

    /// Looks once more.
    pub(super) fn again(&mut self) {
        let life = |one: Participant| (one, self.look.life(one.slot, one.ctl.generation));
        self.participants = self.look.segment().participants().map(life).collect();
        let life = |one: AppCount| (one, self.look.life(Layout::COUNTERS + one.place, 0));
        self.counters = self.look.segment().counters().map(life).collect();
        let life = |one: Holder| (one, self.look.life(one.slot, one.generation));
        let posts = self.look.segment().holders().filter(|one| one.slot >= Layout::POSTS);
        self.producers = posts.map(life).collect();
        (self.standing, self.producer) = (self.look.segment().standing(), self.look.producer());
    }

    /// Where a ring of several producers stands: by those who have a place, and then by how the last of them went.
    fn state_of_several(&self) -> &'static str {
        let any = |life| self.producers.iter().any(|(_, of)| *of == life);
        match self.look.segment().producers_end() {
            _ if any(Life::Alive) => "open",
            _ if any(Life::Unknown) => "unknown",
            _ if any(Life::Dead) => "orphaned",
            None => "fresh",
            Some(End::Crashed) => "orphaned",
            Some(End::Finished | End::Shut) => "closed",
        }
    }

    /// The processes that produce, or did last.
    pub(super) fn processes(&self) -> Vec<u32> {
        let segment = self.look.segment();
        if segment.header().layout.spec().shared() {
            return self.producers.iter().map(|(one, _)| one.who.process).collect();
        }
        vec![segment.producer_identity().process]
    }

    pub(super) fn state(&self) -> &'static str {
        match (self.standing.map(|standing| standing.phase), self.producer) {
            (None, _) => "foreign",
            (Some(Phase::Making), _) => "being made",
            (Some(Phase::Closed), _) => "closed",
            (Some(Phase::Shut), _) => "shut down",
            (Some(Phase::Ready), None) if self.look.segment().header().layout.spec().shared() => {
                self.state_of_several()
            }
            (Some(Phase::Ready), None) => "fresh",
            (Some(Phase::Ready), Some(Life::Dead)) => "orphaned",
            (Some(Phase::Ready), Some(Life::Alive)) => "open",
            (Some(Phase::Ready), Some(Life::Unknown)) => "unknown",
        }
    }

    pub(super) fn of_life(&self, life: Life) -> usize {
        self.participants.iter().filter(|(_, of)| *of == life).count()
    }

    /// Whether somebody dead still has its place.
    pub(super) fn remarkable(&self) -> bool {
        let dead = self.of_life(Life::Dead) > 0 || self.producers.iter().any(|(_, of)| *of == Life::Dead);
        dead || matches!(self.state(), "orphaned" | "foreign")
    }

    pub(super) fn generation(&self) -> u32 {
        self.standing.map_or(0, |standing| standing.generation)
    }

    /// Whom the producer waits for: where there is no room for one more item, those that gate at the last position.
    pub(super) fn full(&self) -> Option<Full> {
        let segment = self.look.segment();
        let spec = segment.header().layout.spec();
        let gating = || self.participants.iter().filter(|(one, _)| one.ctl.gates());
        let at = gating().map(|(one, _)| one.cursor.0).min()?;
        if segment.published().0 < at + u64::from(spec.capacity) {
            return None;
        }
        let by = gating().filter(|(one, _)| one.cursor.0 == at).map(|(one, _)| (one.slot, name(one)));
        Some(Full { by: by.collect(), at })
    }

    pub(super) fn brief(&self) -> Value {
        let (segment, spec) = (self.look.segment(), *self.look.segment().header().layout.spec());
        json!({
            "path": self.path.to_string_lossy(),
            "state": self.state(),
            "generation": self.generation(),
            "producer": segment.producer_identity().process,
            "producers": self.processes(),
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

    pub(super) fn whole(&self) -> Value {
        let mut whole = self.brief();
        whole["participants"] = self.participants.iter().map(participant).collect();
        whole["waits_for"] =
            self.full().map(|full| full.by.into_iter().map(|(slot, _)| slot).collect::<Vec<_>>()).into();
        whole["counters"] = self.counters.iter().map(counter).collect();
        let event = |event: tidemill_ring::journal::Entry| {
            json!({ "number": event.number, "what": kind(&event), "slot": event.slot,
                "generation": event.generation, "position": event.position })
        };
        whole["journal"] = self.look.segment().journal().map(event).collect();
        whole
    }
}

fn counter((one, of): &(AppCount, Life)) -> Value {
    json!({ "id": one.id, "label": label(one), "value": one.value, "counted": *of == Life::Alive })
}

pub(super) fn label(one: &AppCount) -> String {
    one.label.map_or_else(|| "?".to_owned(), |label| label.to_string())
}

const POLICIES: [&str; 4] = ["block", "lossy", "evict", "fail"];

pub(super) fn policy(one: &Participant) -> &'static str {
    POLICIES[one.ctl.policy as usize & 3]
}

pub(super) fn kind(event: &tidemill_ring::journal::Entry) -> String {
    format!("{:?}", event.kind).to_lowercase()
}

pub(super) fn state(state: State) -> String {
    format!("{state:?}").to_lowercase()
}

pub(super) fn life(life: Life) -> &'static str {
    match life {
        Life::Alive => "alive",
        Life::Dead => "dead",
        Life::Unknown => "unknown",
    }
}

pub(super) fn name(one: &Participant) -> String {
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
