//! Tasks that threads share out one by one.

use std::ops::Range;

use rayon::prelude::*;

/// The parts of `0..len`, each of `step` but for the last.
pub(crate) fn parts(len: usize, step: usize) -> impl Iterator<Item = Range<usize>> + Clone {
    (0..len).step_by(step).map(move |start| start..len.min(start + step))
}

/// A parallel loop over tasks, each of which is worth handing out.
///
/// Left to itself, rayon runs long rows of items without a break, and a thread with nothing to do waits for those of
/// another: with two threads, up to a quarter of a loop.
pub(crate) trait EachTask: IndexedParallelIterator {
    /// Runs all of them.
    fn each_task(self, task: impl Fn(Self::Item) + Send + Sync) {
        self.with_max_len(1).for_each(task);
    }
}

impl<I: IndexedParallelIterator> EachTask for I {}
