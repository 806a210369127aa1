//! Who is measured: each subject runs a case in a child process of its own, so that none inherits another's heap.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::case::Case;
use crate::figure::Figure;

/// Builds the madsim program, from the root of the workspace.
pub const MADSIM_BUILD: &str = "RUSTFLAGS='--cfg madsim' cargo build --release --manifest-path benches/madsim-peer/Cargo.toml --target-dir target/madsim";

/// Runs with the peers that need a feature.
pub const PEERS_RUN: &str = "cargo bench -p benches --features peers --bench sim_speed";

/// Why there is no figure.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Missing {
    /// The subject has no such thing.
    Inexpressible,
    /// The child failed; its last words.
    Failed(String),
}

/// A simulator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subject {
    /// Its name in tables and on the child's command line.
    pub name: &'static str,
    program: PathBuf,
    inline: bool,
}

impl Subject {
    /// A simulator that is linked into this very program.
    ///
    /// # Panics
    /// Where the operating system does not tell a program its own path.
    #[must_use]
    pub fn inline(name: &'static str) -> Self {
        Self { name, program: std::env::current_exe().expect("the path of this program"), inline: true }
    }

    /// The madsim program, if it is built.
    #[must_use]
    pub fn madsim() -> Option<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent()?;
        let program = root.join("target/madsim/release/madsim-peer");
        program.is_file().then_some(Self { name: "madsim", program, inline: false })
    }

    /// Runs `case` for `work` in a child.
    ///
    /// # Errors
    /// [`Missing`], when no figure comes back.
    pub fn run(&self, case: Case, work: u64) -> Result<Figure, Missing> {
        let mut command = Command::new(&self.program);
        if self.inline {
            command.args(["--child", self.name]);
        }
        let output = command
            .args([case.to_string(), work.to_string()])
            .output()
            .map_err(|error| Missing::Failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        match Figure::parse(&text) {
            Some(figure) if output.status.success() => Ok(figure),
            None if output.status.success() => Err(Missing::Inexpressible),
            _ => Err(Missing::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
        }
    }

    /// The work for which `case` costs about `cpu_ns` of processor time.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn calibrate(&self, case: Case, cpu_ns: u64) -> Result<u64, Missing> {
        let mut work = match case {
            Case::PingPong { .. } | Case::Watched { .. } => 200,
            Case::Idle { .. } => 2_000,
            Case::Empty { .. } | Case::Cancelled => 16,
        };
        loop {
            let cost = self.run(case, work)?.cpu_ns;
            if cost >= cpu_ns / 16 {
                let scaled = u128::from(work) * u128::from(cpu_ns) / u128::from(cost);
                return Ok(u64::try_from(scaled).unwrap_or(u64::MAX).max(16));
            }
            work *= 8;
        }
    }
}

/// What a child prints: the figure of `run`, after a sixteenth of the work to warm up.
pub fn child(run: impl Fn(Case, u64) -> Option<(u64, u64)>, case: Case, work: u64) {
    match run(case, work / 16) {
        Some(_) => println!("{}", Figure::measure(|| run(case, work).expect("it ran a moment ago"))),
        None => println!("no such thing"),
    }
}
