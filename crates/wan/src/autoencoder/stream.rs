//! What causal layers remember from one latent frame to the next.

use burn::tensor::Tensor;
use kernels::SiluFrames;

use crate::layers::laid_out;

/// Frames that a temporal convolution sees before its own.
pub(super) const PAST: usize = 2;

/// The last frames that each temporal layer has seen, in the order in which they run.
///
/// A fresh state stands before the first frame of a clip. Its size does not depend on how many frames have passed.
#[derive(Clone, Debug, Default)]
pub struct StreamState {
    caches: Vec<Option<Remembered>>,
    cursor: usize,
    has_begun: bool,
}

/// The last frames that a layer has seen.
#[derive(Clone, Debug)]
enum Remembered {
    Plain(Tensor<5>),
    Rounded(SiluFrames),
}

impl Remembered {
    fn plain(self) -> Tensor<5> {
        match self {
            Self::Plain(frames) => frames,
            Self::Rounded(_) => unreachable!("a layer remembers frames of one kind"),
        }
    }

    fn rounded(self) -> SiluFrames {
        match self {
            Self::Rounded(frames) => frames,
            Self::Plain(_) => unreachable!("a layer remembers frames of one kind"),
        }
    }
}

impl StreamState {
    /// Starts another pass over the layers.
    pub(super) fn begin_pass(&mut self) {
        self.has_begun = self.cursor > 0;
        self.cursor = 0;
    }

    /// The layer that comes next, to return to.
    pub(super) const fn place(&self) -> usize {
        self.cursor
    }

    /// Goes back to a layer, to pass over those behind it with further frames.
    pub(super) const fn return_to(&mut self, place: usize) {
        self.cursor = place;
    }

    /// Whether this is the pass of a clip's first frame, which stands for itself alone.
    pub(super) const fn is_first(&self) -> bool {
        !self.has_begun
    }

    /// Takes the frames before `x` that a convolution sees, fewer than two of them at the beginning, and remembers the
    /// last two.
    ///
    /// # Shapes  `[B, T, H, W, C]` → `[B, 1 or 2, H, W, C]`
    pub(super) fn past(&mut self, x: &Tensor<5>) -> Option<Tensor<5>> {
        let [_, t, ..] = x.dims();
        let slot = self.slot();
        let past = slot.take().map(Remembered::plain);
        *slot = Some(Remembered::Plain(match &past {
            Some(past) if t < PAST => {
                let [_, before, ..] = past.dims();
                let kept = before.min(PAST - t);
                Tensor::cat(vec![past.clone().narrow(1, before - kept, kept), x.clone()], 1)
            }
            // A copy: a view would keep all of the frames.
            _ if t > PAST => laid_out(x.clone().narrow(1, t - PAST, PAST)),
            _ => x.clone(),
        }));
        past
    }

    /// The same for frames in 8 bits.
    pub(super) fn past_rounded(&mut self, x: &SiluFrames) -> Option<SiluFrames> {
        let slot = self.slot();
        let past = slot.take().map(Remembered::rounded);
        *slot = Some(Remembered::Rounded(x.last_behind(past.as_ref(), PAST)));
        past
    }

    /// Puts the last frame before `x` in front of it and remembers the last one; nothing when there was none.
    ///
    /// # Shapes  `[B, T, H, W, C]` → `[B, 1 + T, H, W, C]`
    pub(super) fn extend_by_one(&mut self, x: Tensor<5>) -> Option<Tensor<5>> {
        let [_, t, ..] = x.dims();
        let slot = self.slot();
        let before = slot.replace(Remembered::Plain(laid_out(x.clone().narrow(1, t - 1, 1))));
        before.map(|before| Tensor::cat(vec![before.plain(), x], 1))
    }

    /// Passes over a layer that has no part in this pass.
    pub(super) fn skip(&mut self) {
        self.slot();
    }

    fn slot(&mut self) -> &mut Option<Remembered> {
        let index = self.cursor;
        self.cursor += 1;
        if self.caches.len() <= index {
            self.caches.resize(index + 1, None);
        }
        &mut self.caches[index]
    }
}
