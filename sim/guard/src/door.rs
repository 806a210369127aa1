use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_long, c_uint, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::{mem, ptr};
use tidemill_sim::harness::{inside, intrude};

thread_local! {
    /// The guard looks around itself: what it calls is not the simulation's doing.
    static LOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Refers to every function below, so that the linker takes them.
pub static HELD: Held = Held([
    clock_gettime as *const (),
    gettimeofday as *const (),
    time as *const (),
    getrandom as *const (),
    pthread_create as *const (),
    dlsym as *const (),
]);

/// Addresses of functions.
#[derive(Debug)]
pub struct Held(pub [*const (); 6]);

// SAFETY: the addresses are constants of the program; nobody writes through them.
unsafe impl Sync for Held {}

/// Reports the caller, if it is a simulation.
fn look(what: &str) {
    if !inside() || LOOKING.replace(true) {
        return;
    }
    intrude(what, &site());
    LOOKING.set(false);
}

/// The innermost line outside of the standard library, the C library, this crate and the registry's crates; the
/// innermost function outside of the first three where lines are not known.
fn site() -> String {
    let (mut line, mut function) = (None, None);
    backtrace::trace(|frame| {
        backtrace::resolve_frame(frame, |symbol| {
            let name = symbol.name().map(|name| format!("{name:#}")).unwrap_or_default();
            if name.is_empty() || is_foreign(&name) {
                return;
            }
            let file = symbol.filename().map(|path| path.to_string_lossy().into_owned());
            match (file, symbol.lineno()) {
                (Some(file), Some(number)) if !is_library(&file) => {
                    line.get_or_insert_with(|| format!("{}:{number}", short(&file)));
                }
                (Some(_), _) => {}
                (None, _) => {
                    function.get_or_insert(name);
                }
            }
        });
        line.is_none()
    });
    line.or(function).unwrap_or_else(|| "an unknown place".to_owned())
}

fn is_foreign(name: &str) -> bool {
    const FOREIGN: [&str; 18] = [
        "std::",
        "core::",
        "alloc::",
        "<std::",
        "<core::",
        "<alloc::",
        "backtrace::",
        "tidemill_sim_guard::",
        "clock_gettime",
        "getrandom",
        "pthread_create",
        "__rust",
        // Where a program and a thread begin.
        "__libc_start",
        "_start",
        "start_thread",
        "__GI_",
        "__clone",
        "clone3",
    ];
    FOREIGN.iter().any(|start| name.starts_with(start))
}

fn is_library(file: &str) -> bool {
    const LIBRARIES: [&str; 5] = ["/registry/src/", "/library/std/", "/sysdeps/", "/nptl/", "/csu/"];
    file.starts_with("/rustc/") || LIBRARIES.iter().any(|library| file.contains(library))
}

/// The path from the package's folder on, which is where the compiler runs.
fn short(file: &str) -> &str {
    let here = std::env::current_dir().ok();
    here.and_then(|here| file.strip_prefix(here.to_str()?)?.strip_prefix('/')).unwrap_or(file)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, into: *mut libc::timespec) -> c_int {
    look("a real clock was read");
    // SAFETY: the call is handed on as it came.
    unsafe { libc::syscall(libc::SYS_clock_gettime, c_long::from(clock), into) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn gettimeofday(into: *mut libc::timeval, zone: *mut c_void) -> c_int {
    look("a real clock was read");
    // SAFETY: the call is handed on as it came.
    unsafe { libc::syscall(libc::SYS_gettimeofday, into, zone) as c_int }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn time(into: *mut libc::time_t) -> libc::time_t {
    look("a real clock was read");
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `now` is ours.
    unsafe { libc::syscall(libc::SYS_clock_gettime, c_long::from(libc::CLOCK_REALTIME), &raw mut now) };
    if !into.is_null() {
        // SAFETY: the caller gave a place for the result.
        unsafe { into.write(now.tv_sec) };
    }
    now.tv_sec
}

#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(into: *mut c_void, len: usize, flags: c_uint) -> isize {
    look("real random bytes were drawn (a HashMap's keys are that, too)");
    // SAFETY: the call is handed on as it came.
    unsafe { libc::syscall(libc::SYS_getrandom, into, len, flags) as isize }
}

type Create = unsafe extern "C" fn(
    *mut libc::pthread_t,
    *const libc::pthread_attr_t,
    extern "C" fn(*mut c_void) -> *mut c_void,
    *mut c_void,
) -> c_int;

#[unsafe(no_mangle)]
unsafe extern "C" fn pthread_create(
    thread: *mut libc::pthread_t,
    attributes: *const libc::pthread_attr_t,
    main: extern "C" fn(*mut c_void) -> *mut c_void,
    argument: *mut c_void,
) -> c_int {
    static REAL: AtomicPtr<c_void> = AtomicPtr::new(ptr::null_mut());
    look("a thread was spawned");
    let mut real = REAL.load(Ordering::Relaxed);
    if real.is_null() {
        // SAFETY: the name ends with a zero.
        real = unsafe { dlsym(libc::RTLD_NEXT, c"pthread_create".as_ptr()) };
        REAL.store(real, Ordering::Relaxed);
    }
    if real.is_null() {
        return libc::EAGAIN;
    }
    // SAFETY: it is the C library's function of that name.
    let real: Create = unsafe { mem::transmute(real) };
    // SAFETY: the call is handed on as it came.
    unsafe { real(thread, attributes, main, argument) }
}

/// Crates look `getrandom` up by name: they find ours.
#[unsafe(no_mangle)]
unsafe extern "C" fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void {
    unsafe extern "C" {
        fn dlvsym(handle: *mut c_void, name: *const c_char, version: *const c_char) -> *mut c_void;
    }
    type Find = unsafe extern "C" fn(*mut c_void, *const c_char) -> *mut c_void;
    // SAFETY: the caller gives a name that ends with a zero.
    let wanted = unsafe { CStr::from_ptr(name) };
    if wanted == c"getrandom" && handle != libc::RTLD_NEXT {
        return getrandom as *mut c_void;
    }
    let first = if cfg!(target_arch = "x86_64") { c"GLIBC_2.2.5" } else { c"GLIBC_2.17" };
    let find = |version: &CStr| {
        // SAFETY: both names end with a zero.
        unsafe { dlvsym(libc::RTLD_NEXT, c"dlsym".as_ptr(), version.as_ptr()) }
    };
    let real = [c"GLIBC_2.34", first].into_iter().map(find).find(|real| !real.is_null());
    let Some(real) = real else { return ptr::null_mut() };
    // SAFETY: it is the C library's function of that name.
    let real: Find = unsafe { mem::transmute(real) };
    // SAFETY: the call is handed on as it came.
    unsafe { real(handle, name) }
}
