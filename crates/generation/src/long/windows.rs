//! Which latent frames each window of a long video carries and adds.
//!
//! The first latent frame of a clip stands for one frame and all others for four, and that is how models were trained.
//! What is carried stands for four. So every window but the first leads with one latent frame that is imagined and then
//! forgotten: the lone frame before what is carried.

/// Latent frames that lead a window before what is carried.
pub const LEAD: usize = 1;
/// The shortest window: the lead, one that is carried, and one that is added.
pub const MIN_LATENT_FRAMES: usize = LEAD + 2;
/// A window carries one of so many of its latent frames.
const CARRIED_SHARE: usize = 3;

/// One window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Latent frames that are imagined to lead and then forgotten.
    pub lead: usize,
    /// Latent frames that are carried over from the windows before.
    pub carried: usize,
    /// Latent frames that it adds to the video.
    pub new: usize,
}

/// Windows of `window` latent frames over a video of `latent_frames`. The last one carries more where less is left.
pub fn roll(latent_frames: usize, window: usize) -> Vec<Window> {
    let first = latent_frames.min(window);
    let mut windows = vec![Window { lead: 0, carried: 0, new: first }];
    let inside = window.saturating_sub(LEAD);
    let most = (inside - (inside / CARRIED_SHARE).max(1).min(inside)).max(1);
    let mut done = first;
    while done < latent_frames {
        let new = (latent_frames - done).min(most);
        windows.push(Window { lead: LEAD, carried: inside.saturating_sub(new), new });
        done += new;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_a_video_and_carry_only_what_is_done() {
        for (latent_frames, window) in [(9, 9), (5, 9), (10, 9), (61, 9), (241, 21), (7, 3), (100, 4), (1, 3)] {
            let windows = roll(latent_frames, window);
            let mut done = 0;
            for (index, Window { lead, carried, new }) in windows.iter().copied().enumerate() {
                assert!(new > 0 && carried <= done, "{latent_frames} {window} {index}");
                assert!(
                    index == 0 || (lead + carried + new == window && carried > 0),
                    "{latent_frames} {window} {index}"
                );
                done += new;
            }
            assert_eq!(done, latent_frames);
        }
    }

    #[test]
    fn a_window_of_nine_carries_two_and_adds_six() {
        let windows = roll(9 + 6 + 4, 9);
        let of = |lead, carried, new| Window { lead, carried, new };
        assert_eq!(windows, [of(0, 0, 9), of(1, 2, 6), of(1, 4, 4)]);
    }
}
