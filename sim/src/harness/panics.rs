use core::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

/// Where a panic came from and what it said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Panicked {
    /// File and line.
    pub site: String,
    pub message: String,
}

thread_local! {
    /// What the hook saw on this thread; `None` while nobody listens.
    static HEARD: RefCell<Option<Vec<Panicked>>> = const { RefCell::new(None) };
}

static HOOK: Once = Once::new();

/// Runs `body`; a panic becomes a value. Nothing is printed, and other threads panic as loudly as ever.
pub(super) fn catch<T>(body: impl FnOnce() -> T) -> Result<T, Panicked> {
    HOOK.call_once(listen);
    let before = HEARD.replace(Some(Vec::new()));
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    let heard = HEARD.replace(before).unwrap_or_default();
    // The first panic is the cause; what unwinding stumbles over comes after it. A panic that was caught on the way
    // is not on the list's front unless it was raised again.
    result.map_err(|payload| {
        let message = text(payload.as_ref());
        let same = heard.iter().find(|panicked| panicked.message == message).cloned();
        same.unwrap_or(Panicked { site: "unknown".to_owned(), message })
    })
}

/// Puts our hook before the one that is there: silent on a thread that listens, unchanged on all others.
fn listen() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        let heard = HEARD.try_with(|heard| match heard.try_borrow_mut() {
            Ok(mut heard) => heard.as_mut().map(|list| list.push(Panicked::of(info))).is_some(),
            Err(_) => false,
        });
        if !heard.unwrap_or(false) {
            before(info);
        }
    }));
}

impl Panicked {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let site = info.location().map_or_else(|| "unknown".to_owned(), |l| site(l.file(), l.line()));
        Self { site, message: text(info.payload()) }
    }
}

/// The file from its crate's own folder on, so that a checkout elsewhere gives the same id.
fn site(file: &str, line: u32) -> String {
    let parts: Vec<&str> = file.split(['/', '\\']).collect();
    let source = parts.iter().rposition(|part| matches!(*part, "src" | "tests" | "examples" | "benches"));
    let from = source.map_or(parts.len().saturating_sub(1), |at| at.saturating_sub(1));
    format!("{}:{line}", parts[from..].join("/"))
}

fn text(payload: &(dyn core::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic whose payload is not text".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{catch, site};

    #[test]
    fn a_panic_becomes_its_site_and_its_words() {
        let line = line!() + 1;
        let panicked = catch(|| panic!("token {} freed twice", 7)).expect_err("it panics");
        assert_eq!(panicked.message, "token 7 freed twice");
        assert_eq!(panicked.site, format!("sim/src/harness/panics.rs:{line}"));
    }

    #[test]
    fn a_panic_that_was_caught_inside_is_not_the_one_that_ended_the_run() {
        let panicked = catch(|| {
            let inner = std::panic::catch_unwind(|| panic!("inner"));
            assert!(inner.is_err());
            panic!("outer")
        });
        assert_eq!(panicked.expect_err("it panics").message, "outer");
        assert!(
            catch(|| std::panic::catch_unwind(|| panic!("inner")).is_err()).expect("it was caught inside")
        );
    }

    #[test]
    fn a_site_does_not_depend_on_where_the_checkout_lies() {
        assert_eq!(site("/home/me/tidemill/core/flow/src/pool.rs", 3), "flow/src/pool.rs:3");
        assert_eq!(site("core/flow/src/pool.rs", 3), "flow/src/pool.rs:3");
        assert_eq!(site("src/pool.rs", 3), "src/pool.rs:3");
        assert_eq!(site("main.rs", 3), "main.rs:3");
    }
}
