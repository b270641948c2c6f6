//! Bars with the time left, on standard error and only where it is a terminal.

use std::{ops::ControlFlow, time::Duration};

use generation::Phase;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use video::Clip;

use crate::{interrupt, look::Look};

/// A bar that shows nothing where standard error is not a terminal.
pub fn bar(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{msg:<12} [{bar:32}] {pos}/{len}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(500));
    bar
}

/// The same, counted in bytes.
pub fn bytes(total: u64) -> ProgressBar {
    let bar = bar(total);
    let template = "{msg:<12} [{bar:32}] {bytes}/{total_bytes}, {bytes_per_sec}, {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Progress over several videos, counted in sampling steps.
pub struct Generating {
    bar: ProgressBar,
    videos: u64,
    steps: u64,
    finished: u64,
    /// Steps of this video that are done.
    done: usize,
    look: Option<Look>,
}

impl Generating {
    /// Begins to count `videos` of `steps` each.
    pub fn begin(videos: u64, steps: usize, look: Option<Look>) -> Self {
        let steps = steps as u64;
        Self { bar: bar(videos * steps), videos, steps, finished: 0, done: 0, look }
    }

    /// One more video is written.
    pub fn video_done(&mut self) {
        self.finished += 1;
        self.look.iter_mut().for_each(Look::next_clip);
    }
}

impl generation::Progress for Generating {
    fn report(&mut self, phase: Phase, done: usize, total: usize) -> ControlFlow<()> {
        match phase {
            Phase::Sampling => {
                self.done = done;
                // An edit may take fewer steps than a request says.
                self.steps = total as u64;
                self.bar.set_length(self.videos * self.steps);
                self.bar.set_message("imagining");
                self.bar.set_position(self.finished * self.steps + done as u64);
            }
            Phase::Decoding => self.bar.set_message("painting"),
        }
        interrupt::flow()
    }

    fn wants_preview(&self) -> bool {
        self.look.is_some()
    }

    fn preview(&mut self, clip: &Clip) {
        let (Some(look), steps) = (&mut self.look, (self.done + 1, self.steps as usize)) else { return };
        if let Err(error) = self.bar.suspend(|| look.see(clip, steps)) {
            self.bar.suspend(|| eprintln!("misora: no more previews: {error}"));
            self.look = None;
        }
    }
}

impl Drop for Generating {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
