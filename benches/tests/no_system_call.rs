//! Nothing is asked of the kernel on the steady path of a segment: whoever does dies.
//!
//! A child process makes a ring in shared memory and lets everybody join. Then it enters seccomp's strict mode, in which every
//! system call but `read`, `write` and the `exit` of a thread ends it by SIGKILL, and goes round the ring. A program without
//! the usual harness, for a child has to be one thread.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus};

use benches::steady::Work;
use rustix::thread::{SecureComputingMode, set_secure_computing_mode};

const ROUNDS: u32 = 2_000;
const CANARY: &str = "a system call";
/// What a child says that may not enter the mode.
const REFUSED: i32 = 77;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, what] = &arguments[..]
        && flag == "--child"
    {
        child(what);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        println!("a_segment_asks_nothing_of_the_kernel: test");
        return ExitCode::SUCCESS;
    }
    let canary = ended(CANARY);
    if canary.code() == Some(REFUSED) {
        println!("SKIPPED no_system_call: this kernel refuses prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)");
        return ExitCode::SUCCESS;
    }
    assert_eq!(canary.signal(), Some(9), "a child that made a system call lives: {canary}");
    for work in Work::ALL {
        let status = ended(work.name());
        assert!(status.success(), "{}: {status}; signal 9 is a system call", work.name());
        println!("test a_segment_asks_nothing_of_the_kernel {} ... ok", work.name());
    }
    println!(
        "\ntest result: ok. {} passed; 0 failed; 0 ignored; 0 measured; 0 filtered out",
        Work::ALL.len()
    );
    ExitCode::SUCCESS
}

fn ended(what: &str) -> ExitStatus {
    let program = std::env::current_exe().expect("the path of this program");
    Command::new(program).args(["--child", what]).status().expect("a child")
}

fn child(what: &str) -> ! {
    let work = Work::ALL.into_iter().find(|work| work.name() == what);
    let mut round = work.map(Work::begin);
    if let Some(round) = &mut round {
        // Pages come in, and symbols are bound.
        (0..10).for_each(|_| round.run());
    }
    if set_secure_computing_mode(SecureComputingMode::Strict).is_err() {
        std::process::exit(REFUSED);
    }
    match &mut round {
        Some(round) => (0..ROUNDS).for_each(|_| round.run()),
        None => assert!(rustix::process::getppid().is_some(), "a child has a parent"),
    }
    // Not `exit_group`, which the mode does not allow: the only thread is the process.
    // SAFETY: ends this thread; nothing of it is used any more.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
    unreachable!("a thread that ended")
}
