//! Ctrl-C: ends the program at once, except where something is half written and must be taken away first.

use std::{
    ops::ControlFlow,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use crate::INTERRUPTED;

static REQUESTED: AtomicBool = AtomicBool::new(false);
/// How many [`Careful`] there are.
static CAREFUL: Mutex<usize> = Mutex::new(0);

/// While it lives, the first Ctrl-C only asks; a second one insists.
pub struct Careful(());

impl Careful {
    /// From here on something may be half written.
    pub fn begin() -> Self {
        *careful() += 1;
        Self(())
    }
}

impl Drop for Careful {
    fn drop(&mut self) {
        *careful() -= 1;
    }
}

/// Listens for Ctrl-C and its kin.
pub fn install() {
    // A file that grows beyond its limit then is an error to be told, not a signal that kills.
    #[cfg(unix)]
    #[expect(unsafe_code, reason = "the standard library does not offer it")]
    // SAFETY: ignoring a signal runs no code of ours in a handler, and no thread has been started yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let listening = ctrlc::set_handler(|| {
        // Held to the end: nothing can begin to be written while the program goes away.
        let careful = careful();
        if *careful == 0 || REQUESTED.swap(true, Ordering::SeqCst) {
            eprintln!("misora: stopped");
            std::process::exit(INTERRUPTED.into());
        }
    });
    // Without a listener Ctrl-C ends the program at once, which is no reason not to start.
    drop(listening);
}

/// Whether somebody wants to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}

/// The answer for whatever reports progress.
pub fn flow() -> ControlFlow<()> {
    if requested() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn careful() -> MutexGuard<'static, usize> {
    CAREFUL.lock().unwrap_or_else(PoisonError::into_inner)
}
