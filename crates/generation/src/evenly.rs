//! What is given at a few moments of a video, at as many as are wanted.

/// What `given` is at so many moments, evenly from the first to the last; `between` says what lies at a share of the way
/// from one to the next. Moments at which something was given have just that; of nothing there is nothing.
pub(crate) fn evenly<T: Copy>(given: &[T], count: usize, between: impl Fn(&T, &T, f32) -> T) -> Vec<T> {
    let Some(last) = given.len().checked_sub(1) else { return Vec::new() };
    let at = |index: usize| {
        let exact = index as f32 / count.saturating_sub(1).max(1) as f32 * last as f32;
        let before = (exact as usize).min(last);
        match exact - before as f32 {
            0.0 => given[before],
            share => between(&given[before], &given[(before + 1).min(last)], share),
        }
    };
    (0..count).map(at).collect()
}
