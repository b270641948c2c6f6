//! Bars with the time left, on standard error and only where it is a terminal.

use std::{ops::ControlFlow, time::Duration};

use generation::{GenerationError, Phase};
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
    /// Steps of a part.
    steps: u64,
    finished: u64,
    /// What a part of a video is called, which of them it is, and how many there are.
    noun: &'static str,
    part: u64,
    parts: u64,
    /// Steps of this video that are done.
    done: usize,
    look: Option<Look>,
}

impl Generating {
    /// Begins to count `videos`, each in parts of this name with so many steps.
    pub fn begin(videos: u64, (noun, steps): (&'static str, usize), look: Option<Look>) -> Self {
        let steps = steps as u64;
        Self { bar: bar(videos * steps), videos, steps, finished: 0, noun, part: 0, parts: 1, done: 0, look }
    }

    /// Says something above the bar, where there is one.
    pub fn tell(&self, text: &str) {
        self.bar.println(text);
    }

    /// Says in the bar what is waited for.
    pub fn say(&self, text: &str) {
        self.bar.set_message(text.to_owned());
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
                self.bar.set_length(self.videos * self.parts * self.steps);
                self.bar.set_message(match self.parts {
                    1 => "imagining".into(),
                    parts => format!("{} {}/{parts}", self.noun, self.part + 1),
                });
                self.bar.set_position((self.finished * self.parts + self.part) * self.steps + done as u64);
            }
            Phase::Decoding => self.bar.set_message("painting"),
        }
        interrupt::flow()
    }

    fn part(&mut self, index: usize, count: usize) {
        (self.part, self.parts) = (index as u64, count as u64);
        self.look.iter_mut().for_each(Look::next_clip);
    }

    fn wants_preview(&self) -> bool {
        self.look.is_some()
    }

    fn preview(&mut self, clip: &dyn Fn() -> Result<Clip, GenerationError>) {
        let (Some(look), steps) = (&mut self.look, (self.done + 1, self.steps as usize)) else { return };
        // A look that fails is not worth the clip.
        let Ok(clip) = clip() else { return };
        if let Err(error) = self.bar.suspend(|| look.see(&clip, steps)) {
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
