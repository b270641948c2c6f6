//! Whether a video fits into memory, told before any weight is read, and which would.

use wan::{
    WanError, WanFolder,
    autoencoder::{AutoencoderLoad, AutoencoderMemory},
    image::ImageEncoderMemory,
    text::{MAX_TOKENS, TextEncoderMemory},
    transformer::{TransformerLoad, TransformerMemory},
};

use crate::{GenerationError, GenerationRequest, limits::Limits};

/// Frames of a latent frame, but for the first.
const TEMPORAL_FACTOR: usize = 4;

/// What is known of a model's memory from its configurations and headers.
#[derive(Clone, Debug)]
pub(crate) struct WanMemory {
    text_encoder: TextEncoderMemory,
    /// For models that hear what it says.
    image_encoder: Option<ImageEncoderMemory>,
    transformer: TransformerMemory,
    autoencoder: AutoencoderMemory,
    /// Pixels along a side up to which frames are decoded in one piece.
    tile: usize,
    limits: Limits,
}

/// A video whose memory is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Video {
    /// Width and height in pixels.
    pub(crate) size: [u32; 2],
    pub(crate) num_frames: usize,
    pub(crate) given: Given,
    pub(crate) threads: usize,
}

/// What pictures are given of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    Nothing,
    /// The image that it begins with.
    Image,
    /// Frames in any place.
    Frames,
}

impl WanMemory {
    /// Looks at the parts of a folder.
    pub(crate) fn open(folder: &WanFolder, limits: Limits, tile: usize) -> Result<Self, WanError> {
        Ok(Self {
            text_encoder: folder.text_encoder_memory()?,
            image_encoder: if folder.takes_image_embeds()? { Some(folder.image_encoder_memory()?) } else { None },
            transformer: folder.transformer_memory()?,
            autoencoder: folder.autoencoder_memory()?,
            tile,
            limits,
        })
    }

    /// The most bytes in use, and the part that uses them.
    fn peak(&self, video: Video) -> (u64, &'static str) {
        let [width, height] = video.size.map(|side| (side / self.limits.spatial_factor) as usize);
        let latents = [(video.num_frames - 1) / TEMPORAL_FACTOR + 1, height, width];
        let threads = video.threads;
        let load = TransformerLoad { clips: 1, latents, prompt_tokens: MAX_TOKENS, threads };
        let frames = AutoencoderLoad { clips: 1, latents, threads };
        let encoding = match video.given {
            Given::Nothing => 0,
            Given::Image => self.autoencoder.streamed_encoding_peak(frames),
            Given::Frames => self.autoencoder.encoding_peak(frames),
        };
        let image_encoder = self.image_encoder.as_ref().filter(|_| video.given != Given::Nothing);
        let phases = [
            // How many tokens a prompt has is not known yet.
            (self.text_encoder.peak(1, MAX_TOKENS), "the text encoder"),
            (encoding, "the encoder"),
            (image_encoder.map_or(0, |encoder| encoder.peak(1)), "the image encoder"),
            (self.transformer.peak(load), "the transformer"),
            (self.autoencoder.tiled_decoding_peak(frames, self.tile), "the decoder"),
        ];
        phases.into_iter().max_by_key(|(bytes, _)| *bytes).unwrap_or((0, "nothing"))
    }

    /// Says whether a video fits, and what would.
    pub(crate) fn check(&self, video: Video, available: u64) -> Result<(), GenerationError> {
        let (needed, part) = self.peak(video);
        if needed <= available {
            return Ok(());
        }
        let fits = |video: &Video| self.peak(*video).0 <= available;
        let shorter = fewer_frames(video).find(fits).map(|video| match video.num_frames {
            1 => "a still of that size".to_owned(),
            frames => format!("{frames} frames of that size"),
        });
        let smaller = smaller_sizes(video, self.limits).find(fits).map(|video| {
            let [width, height] = video.size;
            format!("that many frames of {width}x{height}")
        });
        let advice = match (shorter, smaller) {
            (Some(shorter), Some(smaller)) => format!("{shorter} would fit, or {smaller}"),
            (Some(one), None) | (None, Some(one)) => format!("{one} would fit"),
            (None, None) => {
                let side = self.limits.min_side();
                let (least, _) = self.peak(Video { size: [side; 2], num_frames: 1, ..video });
                let still = format!("a still of {side}x{side}");
                if least <= available {
                    format!("{still} would fit")
                } else {
                    format!("not even {still} would fit, which takes {}", gigabytes(least))
                }
            }
        };
        let (needed, available) = (gigabytes(needed), gigabytes(available));
        Err(GenerationError::Memory { part, needed, available, advice })
    }
}

impl Video {
    /// What a request asks for, with frames given or without.
    pub(crate) fn of(request: &GenerationRequest, has_frames: bool, threads: usize) -> Self {
        let resolution = request.resolution();
        let given = match (has_frames, request.image()) {
            (true, _) => Given::Frames,
            (false, Some(_)) => Given::Image,
            (false, None) => Given::Nothing,
        };
        Self { size: [resolution.width(), resolution.height()], num_frames: request.num_frames(), given, threads }
    }
}

/// Shorter videos of the same size, the longest first.
fn fewer_frames(video: Video) -> impl Iterator<Item = Video> {
    let latents = (video.num_frames - 1) / TEMPORAL_FACTOR;
    (0..latents).rev().map(move |latents| Video { num_frames: latents * TEMPORAL_FACTOR + 1, ..video })
}

/// Smaller videos of the same length and about the same shape, the largest first.
fn smaller_sizes(video: Video, limits: Limits) -> impl Iterator<Item = Video> {
    let ([width, height], step, least) = (video.size, limits.side_step(), limits.min_side());
    let of_width = move |steps: u32| {
        let other = (height * steps * step / width).next_multiple_of(step).max(least);
        Video { size: [steps * step, other.min(height)], ..video }
    };
    (least / step..width / step).rev().map(of_width)
}

/// Bytes as people say them.
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_fall_and_keep_what_they_should() {
        let video = Video { size: [832, 480], num_frames: 81, given: Given::Nothing, threads: 2 };
        let frames: Vec<usize> = fewer_frames(video).map(|video| video.num_frames).collect();
        assert_eq!((frames[0], frames[19], frames.len()), (77, 1, 20));
        let sizes: Vec<[u32; 2]> = smaller_sizes(video, Limits::OWN).map(|video| video.size).collect();
        assert_eq!((sizes[0], sizes[49], sizes.len()), ([816, 480], [32, 32], 50));
        assert_eq!(fewer_frames(Video { num_frames: 1, ..video }).count(), 0);
        assert_eq!(smaller_sizes(Video { size: [32, 480], ..video }, Limits::OWN).count(), 0);
    }
}
