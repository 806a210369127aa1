//! The programs that every simulator runs, by name.

use std::fmt;
use std::str::FromStr;

/// Payload of a ping and of a pong, in bytes.
pub const PAYLOAD: usize = 64;
/// Least one-way latency, in virtual milliseconds.
pub const LATENCY_MIN_MS: u64 = 1;
/// Greatest one-way latency, in virtual milliseconds.
pub const LATENCY_MAX_MS: u64 = 10;
/// A ping without a pong for this long is sent again, in virtual milliseconds.
pub const RESEND_MS: u64 = 50;
/// One datagram in this many is lost.
pub const LOSS_ONE_IN: u64 = 100;

/// One question to a simulator.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Clients with `flows` flows each; flow f of client c talks to server c + f, wrapped around.
    /// Work is virtual milliseconds; the count is of datagrams delivered, both ways.
    PingPong {
        /// Machines that answer.
        servers: u32,
        /// Machines that ask.
        clients: u32,
        /// Flows a client.
        flows: u32,
    },
    /// Create a world of machines, run it, drop it. Work and count are worlds.
    Empty {
        /// Machines a world.
        machines: u32,
    },
    /// Machines with one 1 Hz timer each. Work is virtual milliseconds; the count is of timers fired.
    Idle {
        /// Machines.
        machines: u32,
    },
    /// One machine that arms a far timer and cancels it, again and again. Work and count are timers.
    Cancelled,
    /// Ping-pong of 5 servers and 5 clients with one flow each, under somebody's eyes. Work and count as there.
    Watched {
        /// Whose.
        by: Eyes,
    },
}

/// Who looks at a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eyes {
    /// Nobody; not even the hash is kept.
    Nobodys,
    /// The hash, which is always kept.
    Hash,
    /// A full trace: 32 bytes of every event, and its cause.
    Trace,
    /// The oracles of the world.
    World,
    /// Those, and every oracle of an edge that goes on for ever.
    Oracles,
}

impl Eyes {
    const NAMES: [(&str, Self); 5] = [
        ("nobody", Self::Nobodys),
        ("hash", Self::Hash),
        ("trace", Self::Trace),
        ("world", Self::World),
        ("oracles", Self::Oracles),
    ];
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PingPong { servers, clients, flows } => write!(f, "ping-pong:{servers}:{clients}:{flows}"),
            Self::Empty { machines } => write!(f, "empty:{machines}"),
            Self::Idle { machines } => write!(f, "idle:{machines}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Watched { by } => {
                let name = Eyes::NAMES.iter().find(|(_, eyes)| eyes == by).map_or("", |(name, _)| name);
                write!(f, "watched:{name}")
            }
        }
    }
}

/// Not the name of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownCase(pub String);

impl FromStr for Case {
    type Err = UnknownCase;

    fn from_str(text: &str) -> Result<Self, UnknownCase> {
        let unknown = || UnknownCase(text.to_owned());
        let mut fields = text.split(':');
        let name = fields.next().ok_or_else(unknown)?;
        if name == "watched" {
            let by = fields.next().and_then(|who| Eyes::NAMES.iter().find(|(name, _)| *name == who));
            return by.map(|(_, by)| Self::Watched { by: *by }).ok_or_else(unknown);
        }
        let mut number = || fields.next().and_then(|field| field.parse().ok()).ok_or_else(unknown);
        match name {
            "ping-pong" => Ok(Self::PingPong { servers: number()?, clients: number()?, flows: number()? }),
            "empty" => Ok(Self::Empty { machines: number()? }),
            "idle" => Ok(Self::Idle { machines: number()? }),
            "cancelled" => Ok(Self::Cancelled),
            _ => Err(unknown()),
        }
    }
}

/// Decides in the program itself which datagrams are lost, where a simulator's own loss does something else.
#[derive(Clone, Debug)]
pub struct Loss(u64);

impl Loss {
    /// A stream of decisions of its own for every `stream`.
    #[must_use]
    pub const fn new(stream: u64) -> Self {
        Self((stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Whether the next datagram is lost: one in [`LOSS_ONE_IN`] (xorshift64, Marsaglia 2003).
    #[inline]
    pub const fn strikes(&mut self) -> bool {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32).is_multiple_of(LOSS_ONE_IN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_is_read_back_from_its_own_name() {
        let cases = [
            Case::PingPong { servers: 2, clients: 3, flows: 32 },
            Case::Empty { machines: 3 },
            Case::Idle { machines: 50 },
            Case::Cancelled,
            Case::Watched { by: Eyes::Nobodys },
            Case::Watched { by: Eyes::Oracles },
        ];
        for case in cases {
            assert_eq!(case.to_string().parse(), Ok(case));
        }
        assert_eq!("ping-pong:5:5".parse::<Case>(), Err(UnknownCase("ping-pong:5:5".to_owned())));
        assert_eq!("watched:me".parse::<Case>(), Err(UnknownCase("watched:me".to_owned())));
        assert_eq!("".parse::<Case>(), Err(UnknownCase(String::new())));
    }

    #[test]
    fn the_loss_of_the_program_is_one_in_a_hundred() {
        let mut loss = Loss::new(3);
        let lost = (0..1_000_000).filter(|_| loss.strikes()).count();
        assert!((9_500..10_500).contains(&lost), "{lost} of a million");
    }
}
