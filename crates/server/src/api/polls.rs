//! How often it is asked how far videos are, and so how soon it is worth asking again.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Over which the times are counted that anybody asks.
const WINDOW: Duration = Duration::from_secs(1);
/// When few ask.
const PAUSE_MS: u64 = 500;
/// Times in a window up to which that is well; the more there are, the longer all are to wait.
const FEW: u64 = 20;

/// Counts how often anybody asks.
pub(crate) struct Polls(Mutex<Counts>);

struct Counts {
    begun: Instant,
    last: u64,
    now: u64,
}

impl Default for Polls {
    fn default() -> Self {
        Self(Mutex::new(Counts { begun: Instant::now(), last: 0, now: 0 }))
    }
}

impl Polls {
    /// Counts another time, and says after how many milliseconds the next one is worth while.
    pub(crate) fn next_ms(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next_ms(Instant::now())
    }
}

impl Counts {
    fn next_ms(&mut self, now: Instant) -> u64 {
        let windows = (now - self.begun).as_secs_f64() / WINDOW.as_secs_f64();
        if windows >= 1.0 {
            self.last = if windows < 2.0 { self.now } else { 0 };
            (self.begun, self.now) = (now, 0);
        }
        self.now += 1;
        PAUSE_MS * self.last.max(self.now).max(FEW) / FEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_one_of_many_waits_longer_and_a_quiet_time_is_remembered() {
        let begun = Instant::now();
        let mut counts = Counts { begun, last: 0, now: 0 };
        let mut after = |millis: u64| counts.next_ms(begun + Duration::from_millis(millis));
        assert_eq!(after(0), 500);
        let crowd: Vec<u64> = (0..79).map(|_| after(500)).collect();
        assert_eq!((crowd[0], crowd[78]), (500, 2000));
        assert_eq!(after(1200), 2000, "the crowd was there in the window before");
        assert_eq!(after(2300), 500);
        assert_eq!(after(60_000), 500);
    }
}
