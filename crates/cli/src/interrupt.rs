//! Ctrl-C: the first one asks, the second one insists.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::INTERRUPTED;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Listens for Ctrl-C and its kin, so that what is half written can be taken away.
pub fn install() {
    // A full quota of file size then is an error to be told, not a signal that kills.
    #[cfg(unix)]
    #[expect(unsafe_code, reason = "the standard library does not offer it")]
    // SAFETY: ignoring a signal runs no code of ours in a handler, and no thread has been started yet.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
    let listening = ctrlc::set_handler(|| {
        if REQUESTED.swap(true, Ordering::SeqCst) {
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
