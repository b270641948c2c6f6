//! Paths around the levels of Wan 2.2's autoencoder: no weights, only channels led together or apart.

use burn::tensor::Tensor;

/// From how many channels to how many a path leads, and how much of time and of each side goes into channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shortcut {
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) time: usize,
    pub(super) space: usize,
}

impl Shortcut {
    /// Positions of the larger side for one of the smaller.
    pub(super) const fn folded(self) -> usize {
        self.time * self.space * self.space
    }
}

/// Folds blocks of frames and positions into channels, and takes the mean of neighbouring channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct AvgDown3D(pub(super) Shortcut);

impl AvgDown3D {
    /// A first frame has zeros before it, where time is folded.
    ///
    /// # Shapes  x: `[B, T, H, W, in]` → `[B, ⌈T/time⌉, H/space, W/space, out]`
    pub(super) fn forward(self, x: Tensor<5>) -> Tensor<5> {
        let Self(shortcut @ Shortcut { inputs, outputs, time, space }) = self;
        let [b, t, h, w, _] = x.dims();
        let missing = t.next_multiple_of(time) - t;
        let x = if missing == 0 {
            x
        } else {
            let zeros = Tensor::zeros([b, missing, h, w, inputs], &x.device());
            Tensor::cat(vec![zeros, x], 1)
        };
        let (t, h, w) = ((t + missing) / time, h / space, w / space);
        x.reshape([b * t, time, h, space, w, space, inputs])
            .permute([0, 2, 4, 6, 1, 3, 5]) // [B·T, H, W, in, time, space, space]
            .reshape([b, t, h * w, outputs, inputs * shortcut.folded() / outputs])
            .mean_dim(4)
            .reshape([b, t, h, w, outputs])
    }
}

/// Repeats channels, and unfolds them into blocks of frames and positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct DupUp3D(pub(super) Shortcut);

impl DupUp3D {
    /// # Shapes  x: `[B, T, H, W, in]` → `[B, time·T, space·H, space·W, out]`
    pub(super) fn forward(self, x: Tensor<5>) -> Tensor<5> {
        let Self(shortcut @ Shortcut { inputs, outputs, time, space }) = self;
        let [b, t, h, w, _] = x.dims();
        let repeats = outputs * shortcut.folded() / inputs;
        x.reshape([b * t * h * w, inputs, 1])
            .expand([b * t * h * w, inputs, repeats])
            .reshape([b * t, h, w, outputs, time, space, space])
            .permute([0, 4, 1, 5, 2, 6, 3]) // [B·T, time, H, space, W, space, out]
            .reshape([b, t * time, h * space, w * space, outputs])
    }

    /// The same for the first frame of a clip, which stays one frame: the last of those that it would become.
    pub(super) fn forward_first(self, x: Tensor<5>) -> Tensor<5> {
        let Self(Shortcut { time, .. }) = self;
        let x = self.forward(x);
        let [_, t, ..] = x.dims();
        x.narrow(1, time - 1, t + 1 - time)
    }
}

/// Blocks of `side`×`side` pixels become channels.
///
/// # Shapes  `[B, T, H, W, C]` → `[B, T, H/side, W/side, C·side·side]`
pub(super) fn patchify(x: Tensor<5>, side: usize) -> Tensor<5> {
    if side == 1 {
        return x;
    }
    let [b, t, h, w, c] = x.dims();
    x.reshape([b * t, h / side, side, w / side, side, c])
        .permute([0, 1, 3, 5, 4, 2]) // [B·T, H/side, W/side, C, side, side], columns before rows
        .reshape([b, t, h / side, w / side, c * side * side])
}

/// Channels become blocks of `side`×`side` pixels.
///
/// # Shapes  `[B, T, H, W, C·side·side]` → `[B, T, side·H, side·W, C]`
pub(super) fn unpatchify(x: Tensor<5>, side: usize) -> Tensor<5> {
    if side == 1 {
        return x;
    }
    let [b, t, h, w, c] = x.dims();
    let c = c / (side * side);
    x.reshape([b * t, h, w, c, side, side])
        .permute([0, 1, 5, 2, 4, 3]) // [B·T, H, side, W, side, C]
        .reshape([b, t, h * side, w * side, c])
}
