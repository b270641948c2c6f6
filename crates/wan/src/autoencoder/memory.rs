//! How much memory the halves of the autoencoder take.
//!
//! The layers are gone through in the order in which they run, and what they hold at once is counted.

use std::path::Path;

use super::{
    AutoencoderConfig, STEM,
    decoder::{self, EXACT_LEVELS, FRAMES_TOGETHER},
    stream::PAST,
    tiles,
};
use crate::{
    Precision, WanError,
    memory::{KEPT, WeightMemory},
    weights,
};

/// Numbers of a 3×3 kernel after Winograd's transform, for each pair of channels and frame of the kernel.
const TRANSFORMED: u64 = 36;
/// Numbers that one thread has in a convolution.
const CONVOLUTION_SPACE: u64 = 6 << 20;

/// Whether a tensor of the file belongs to a convolution that may compute in 8 bits.
fn rounds(name: &str, shape: &[usize]) -> bool {
    let Some((level, rest)) = name.strip_prefix("decoder.up_blocks.").and_then(|name| name.split_once('.')) else {
        return false;
    };
    level.parse().is_ok_and(|level: usize| level >= EXACT_LEVELS)
        && rest.starts_with("resnets.")
        && matches!(shape, [_, _, 3, 3, 3])
}

/// A clip as latents or as pixels, and the threads that work on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AutoencoderLoad {
    /// Clips side by side.
    pub clips: usize,
    /// Latent frames, height and width of each.
    pub latents: [usize; 3],
    /// Threads.
    pub threads: usize,
}

/// What is known of an autoencoder's memory from its headers.
#[derive(Clone, Debug)]
pub struct AutoencoderMemory {
    config: AutoencoderConfig,
    /// Of the decoder.
    precision: Precision,
    encoder: WeightMemory,
    decoder: WeightMemory,
}

impl AutoencoderMemory {
    /// Looks at the folder of an autoencoder.
    ///
    /// # Errors
    /// [`WanError`] that names the file that is missing or damaged.
    pub(crate) fn open(folder: &Path, precision: Precision) -> Result<Self, WanError> {
        let config = AutoencoderConfig::read(&folder.join("config.json"))?;
        let shapes = weights::shapes(folder, STEM)?;
        let half = |starts: [&str; 2], precision: Precision| {
            let belongs = |name: &str| starts.iter().any(|start| name.starts_with(start));
            let is_rounded = |name: &str, shape: &[usize]| precision == Precision::Int8 && rounds(name, shape);
            let (rounded, plain): (Vec<_>, Vec<_>) =
                shapes.iter().filter(|(name, _)| belongs(name)).partition(|(name, shape)| is_rounded(name, shape));
            WeightMemory::of(plain.iter().map(|(_, shape)| shape.as_slice()))
                .with_int8(rounded.iter().map(|(_, shape)| shape.as_slice()))
        };
        let encoder = half(["encoder.", "quant_conv."], Precision::F32);
        let decoder = half(["decoder.", "post_quant_conv."], precision);
        Ok(Self { config, precision, encoder, decoder })
    }

    /// Frames of a latent frame but for the first, and pixels along each side of a latent position.
    pub fn factors(&self) -> [usize; 2] {
        [self.config.temporal_factor(), self.config.spatial_factor()]
    }

    /// The most bytes in use while a clip is decoded, whose frames are passed on as they come.
    pub fn decoding_peak(&self, load: AutoencoderLoad) -> u64 {
        self.decoding_beside(load, 0)
    }

    /// The same where frames larger than tiles of `tile` pixels are decoded in such.
    pub fn tiled_decoding_peak(&self, load: AutoencoderLoad, tile: usize) -> u64 {
        let part = self.tile(load, tile);
        // The frames of all tiles are held, with half as many bits.
        let held = if part == load { 0 } else { self.pixels(load).div_ceil(2) };
        self.decoding_beside(part, held)
    }

    /// A tile of a clip, which may be all of it.
    fn tile(&self, load: AutoencoderLoad, tile: usize) -> AutoencoderLoad {
        let [t, h, w] = load.latents;
        let [h, w] = [h, w].map(|length| tiles::spans_of(length, tile, self.config.spatial_factor())[0].len());
        AutoencoderLoad { latents: [t, h, w], ..load }
    }

    /// The same while all frames are gathered in one tensor.
    pub fn gathered_decoding_peak(&self, load: AutoencoderLoad, tile: Option<usize>) -> u64 {
        let part = tile.map_or(load, |tile| self.tile(load, tile));
        self.decoding_beside(part, 2 * self.pixels(load))
    }

    /// The most bytes in use while a clip is encoded, all of whose frames are there.
    pub fn encoding_peak(&self, load: AutoencoderLoad) -> u64 {
        self.encoder.peak(encoding(&self.config, load).total() + 2 * self.pixels(load))
    }

    /// The same while frames come as they are needed, one latent frame's at a time.
    pub fn streamed_encoding_peak(&self, load: AutoencoderLoad) -> u64 {
        let [t, h, w] = load.latents;
        let held = self.pixels(AutoencoderLoad { latents: [t.min(2), h, w], ..load });
        self.encoder.peak(encoding(&self.config, load).total() + 2 * held)
    }

    /// The most bytes in use while so many other numbers are held.
    fn decoding_beside(&self, load: AutoencoderLoad, held: u64) -> u64 {
        let numbers = decoding(&self.config, self.precision, load).total() + held;
        self.decoder.peak_keeping(KEPT + decoder::kept_in_pass(self.precision), numbers)
    }

    fn pixels(&self, load: AutoencoderLoad) -> u64 {
        let ([t, h, w], space) = (load.latents, self.config.spatial_factor());
        3 * load.clips as u64
            * ((t.max(1) - 1) * self.config.temporal_factor() + 1) as u64
            * (h * space * w * space) as u64
    }
}

/// Numbers besides the weights while layers are passed through.
struct Pass {
    /// What temporal convolutions keep of the frames before.
    remembered: u64,
    /// Frames that each of them keeps: fewer of a still.
    kept_frames: u64,
    /// The most that is in use besides.
    most: u64,
    threads: u64,
}

/// Frames on their way, each of so many positions, those of all clips together.
#[derive(Clone, Copy)]
struct Frames {
    count: u64,
    positions: u64,
}

impl Frames {
    const fn numbers(self, channels: u64) -> u64 {
        self.count * self.positions * channels
    }
}

impl Pass {
    fn new(load: AutoencoderLoad) -> Self {
        let kept_frames = if load.latents[0] > 1 { PAST as u64 } else { 1 };
        Self { remembered: 0, kept_frames, most: 0, threads: load.threads as u64 }
    }

    const fn total(&self) -> u64 {
        self.remembered + self.most
    }

    fn uses(&mut self, numbers: u64) {
        self.most = self.most.max(numbers);
    }

    /// A product of a kernel of `taps` frames with its inputs, while other tensors are held.
    fn product(&mut self, (inputs, outputs): (u64, u64), [from, to]: [u64; 2], taps: u64) {
        let kernel = TRANSFORMED * taps * from * to;
        self.uses(inputs + outputs + kernel + self.threads * CONVOLUTION_SPACE.min(inputs + outputs));
    }

    /// A causal convolution: what it remembers for the next frames is there beside what it remembered of those before.
    fn convolution(&mut self, frames: Frames, [from, to]: [u64; 2], held: u64) {
        let past = self.kept_frames * frames.positions * from;
        self.remembered += past;
        // As many frames as it remembers are kept as they came, others are copied.
        let copied = if frames.count == self.kept_frames { 0 } else { past };
        self.product((held + frames.numbers(from) + copied, frames.numbers(to)), [from, to], 3);
    }

    /// Two convolutions and the shortcut around them.
    fn residual(&mut self, frames: Frames, [from, to]: [u64; 2], held: u64) {
        let held = held + frames.numbers(from);
        self.convolution(frames, [from, to], held);
        self.convolution(frames, [to, to], held);
    }

    /// The same in 8 bits.
    fn rounded_residual(&mut self, frames: Frames, [from, to]: [u64; 2], held: u64) {
        let held = held + frames.numbers(from);
        self.rounded_convolution(frames, [from, to], held);
        self.rounded_convolution(frames, [to, to], held);
    }

    /// A causal convolution with frames and kernel in 8 bits; what it remembers are these frames themselves.
    fn rounded_convolution(&mut self, frames: Frames, [from, to]: [u64; 2], held: u64) {
        let rounded = |count: u64| count * frames.positions * (from.div_ceil(4) + 1);
        self.remembered += rounded(self.kept_frames);
        self.uses(held + frames.numbers(from) + rounded(frames.count) + frames.numbers(to));
    }

    fn middle(&mut self, frames: Frames, width: u64) {
        self.residual(frames, [width, width], 0);
        // What comes in, its norm, queries, keys, values and what attention gives.
        self.uses(6 * frames.numbers(width));
        self.residual(frames, [width, width], 0);
    }
}

/// The frames of a pass, the last of a clip: the most that there are at once.
fn frames(load: AutoencoderLoad) -> Frames {
    let [_, h, w] = load.latents;
    Frames { count: 1, positions: (load.clips * h * w) as u64 }
}

fn decoding(config: &AutoencoderConfig, precision: Precision, load: AutoencoderLoad) -> Pass {
    let (mut pass, mut now) = (Pass::new(load), frames(load));
    let widths: Vec<u64> = config.decoder_widths().iter().map(|width| *width as u64).collect();
    let levels = widths.len() - 1;
    let doubles_time = |level: usize| level + 1 < levels && config.temporal_downsample[levels - 2 - level];
    // Doubling the sides also halves the channels, but for the levels that have a path around them.
    let halved = |width: u64| if config.is_residual { width } else { width / 2 };
    pass.convolution(now, [config.z_dim as u64, widths[0]], 0);
    pass.middle(now, widths[0]);
    // Behind the last doubling of time few frames are in work at once; the others wait.
    let mut waiting = 0;
    for level in 0..levels {
        let (from, to) = (if level == 0 { widths[0] } else { halved(widths[level]) }, widths[level + 1]);
        if level == config.levels_with_folded_time() {
            waiting = now.numbers(from);
            now.count = now.count.min(FRAMES_TOGETHER as u64);
        }
        let residual = match precision {
            Precision::Int8 if level >= EXACT_LEVELS => Pass::rounded_residual,
            _ => Pass::residual,
        };
        for index in 0..=config.num_res_blocks {
            residual(&mut pass, now, [if index == 0 { from } else { to }, to], waiting);
        }
        if level + 1 == levels {
            pass.convolution(now, [to, config.patch_channels() as u64], waiting);
            continue;
        }
        if doubles_time(level) && load.latents[0] > 1 {
            pass.convolution(now, [to, 2 * to], 0);
            now.count *= 2;
            // The halves of the channels become frames.
            pass.uses(2 * now.numbers(to));
        }
        let small = now.numbers(to);
        now.positions *= 4;
        // Frame by frame, and then together.
        let (frame, out) = (now.positions * to, halved(to));
        // The path around the level, where there is one, is as large as what comes out.
        let around = if config.is_residual { now.numbers(out) } else { 0 };
        pass.product((waiting + around + small + frame, now.numbers(out)), [to, out], 1);
        pass.uses(waiting + around + small + 2 * now.numbers(out));
    }
    pass
}

fn encoding(config: &AutoencoderConfig, load: AutoencoderLoad) -> Pass {
    let mut pass = Pass::new(load);
    let mut now = frames(load);
    let factor = config.spatial_factor() / config.patch_side();
    now.positions *= (factor * factor) as u64;
    now.count = if load.latents[0] > 1 { config.temporal_factor() as u64 } else { 1 };
    let widths: Vec<u64> = config.encoder_widths().iter().map(|width| *width as u64).collect();
    let colours = config.patch_channels() as u64;
    pass.convolution(now, [colours, widths[0]], now.numbers(colours));
    for (level, sides) in widths.windows(2).enumerate() {
        for index in 0..config.num_res_blocks {
            pass.residual(now, [if index == 0 { sides[0] } else { sides[1] }, sides[1]], 0);
        }
        let Some(halves_time) = config.temporal_downsample.get(level) else { continue };
        // Padded, then nine taps of a quarter of the positions, side by side and in one.
        pass.uses(now.numbers(sides[1]) * 11 / 2);
        now.positions /= 4;
        if *halves_time {
            pass.remembered += now.positions * sides[1];
            now.count = now.count.div_ceil(2);
            pass.uses(now.numbers(sides[1]) * 9);
        }
    }
    let last = widths[widths.len() - 1];
    pass.middle(now, last);
    pass.convolution(now, [last, 2 * config.z_dim as u64], 0);
    pass
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: AutoencoderLoad = AutoencoderLoad { clips: 1, latents: [5, 32, 32], threads: 2 };

    #[test]
    fn what_is_remembered_is_counted_layer_by_layer() {
        // At each level of 32×32 to 256×256 positions: channels of all temporal convolutions together.
        let [smallest, second] = [16 + (4 + 6 + 1) * 384, 192 + (5 + 1) * 384];
        let [third, largest] = [6 * 192, (6 + 1) * 96];
        let channels = smallest + 4 * second + 16 * third + 64 * largest;
        let remembered = |precision| decoding(&AutoencoderConfig::default(), precision, LOAD).remembered;
        assert_eq!(remembered(Precision::F32), 2 * 1024 * channels);
        // In 8 bits a quarter, and a scale for each position, in the residual blocks of all levels but the first.
        let second = 192 / 4 + 1 + 5 * (384 / 4 + 1) + 384;
        let [third, largest] = [6 * (192 / 4 + 1), 6 * (96 / 4 + 1) + 96];
        let channels = smallest + 4 * second + 16 * third + 64 * largest;
        assert_eq!(remembered(Precision::Int8), 2 * 1024 * channels);
    }

    #[test]
    fn memory_grows_with_the_picture_and_not_with_the_length() {
        let config = AutoencoderConfig::default();
        let longer = AutoencoderLoad { latents: [21, 32, 32], ..LOAD };
        let wider = AutoencoderLoad { latents: [5, 64, 32], ..LOAD };
        let still = AutoencoderLoad { latents: [1, 32, 32], ..LOAD };
        let in_f32 = |config: &AutoencoderConfig, load| decoding(config, Precision::F32, load);
        let in_int8 = |config: &AutoencoderConfig, load| decoding(config, Precision::Int8, load);
        assert!(in_int8(&config, LOAD).total() < in_f32(&config, LOAD).total());
        for half in [in_f32, in_int8, encoding] {
            let numbers = |config: &AutoencoderConfig, load| half(config, load).total();
            assert_eq!(numbers(&config, LOAD), numbers(&config, longer));
            assert!(numbers(&config, wider) > numbers(&config, LOAD) * 3 / 2);
            assert!(numbers(&config, still) < numbers(&config, LOAD));
        }
    }
}
