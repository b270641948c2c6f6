//! The image that a video begins with, as a Wan model is told of it.

use burn::tensor::{Tensor, TensorData};
use video::{Filter, Frame, Resolution};
use wan::{autoencoder::StreamState, image::ImageProcessor};

use crate::{
    GenerationError, GenerationRequest, WanGenerator, pixels::pixels_from_frames, wan_generator::TEMPORAL_FACTOR,
};

/// What a transformer is told of an image.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "one for each video, and handles of tensors are all it holds")]
pub enum WanImage {
    /// The first latent frame, which is known: `[1, C, 1, H, W]`. So it is with Wan 2.2's 5B model.
    FirstFrame(Tensor<5>),
    /// What stands beside the latents. So it is with Wan 2.1's models for image to video.
    Beside(WanImageChannels),
}

/// What stands beside the latents of a video that begins with an image.
#[derive(Clone, Debug)]
pub struct WanImageChannels {
    /// `[1, 4 + C, T, H, W]`: which of a latent frame's four frames are known, and the latents of the image with grey
    /// frames behind it.
    pub condition: Tensor<5>,
    /// What an image encoder says of the image, `[1, M, D]`, for models that hear it.
    pub embeds: Option<Tensor<3>>,
}

impl WanGenerator {
    /// Prepares the image of a request, if it has one.
    ///
    /// The picture fills the request's size, and its middle is taken; an image encoder sees it in its own proportions.
    ///
    /// # Errors
    /// [`GenerationError::Wan`] when autoencoder or image encoder cannot be read.
    ///
    /// Source: `prepare_latents` of `WanImageToVideoPipeline` in diffusers, which stretches the picture; the Wan team's own
    /// program for the 5B model, `textimage2video.py`, fills the size and cuts as here
    pub fn prepare_image(&self, request: &GenerationRequest) -> Result<Option<WanImage>, GenerationError> {
        let Some(picture) = request.image() else { return Ok(None) };
        let pixels = pixels_from_frames(&[picture.filling(request.resolution(), Filter::Lanczos)?], self.device());
        let encoder = self.folder().encoder(self.device())?;
        let mut state = StreamState::default();
        let first = encoder.encode_next(pixels.clone(), &mut state);
        if self.folder().expands_timesteps() {
            return Ok(Some(WanImage::FirstFrame(encoder.normalise(first))));
        }
        let [t, h, w] = request.latent_sides();
        let [_, colours, _, height, width] = pixels.dims();
        let grey = Tensor::zeros([1, colours, TEMPORAL_FACTOR, height, width], self.device());
        let later = (1..t).map(|_| encoder.encode_next(grey.clone(), &mut state));
        let latents = Tensor::cat(std::iter::once(first).chain(later).collect(), 2);
        let known = Tensor::ones([1, TEMPORAL_FACTOR, 1, h, w], self.device());
        let unknown = Tensor::zeros([1, TEMPORAL_FACTOR, t - 1, h, w], self.device());
        let mask = Tensor::cat(vec![known, unknown], 2);
        let condition = Tensor::cat(vec![mask, encoder.normalise(latents)], 1);
        drop(encoder);
        let embeds = if self.folder().takes_image_embeds()? { Some(self.embed_image(picture)?) } else { None };
        Ok(Some(WanImage::Beside(WanImageChannels { condition, embeds })))
    }

    /// What the image encoder says of a picture.
    fn embed_image(&self, picture: &Frame) -> Result<Tensor<3>, GenerationError> {
        let values = pixel_values(picture, &self.folder().image_processor()?)?;
        let [_, height, width] = values.shape;
        let values = Tensor::from_data(TensorData::new(values.numbers, [1, 3, height, width]), self.device());
        Ok(self.folder().image_encoder(self.device())?.forward(values)?)
    }
}

/// Numbers of a picture, `[3, H, W]`.
struct PixelValues {
    numbers: Vec<f32>,
    shape: [usize; 3],
}

/// A picture as the image encoder takes it.
fn pixel_values(picture: &Frame, processor: &ImageProcessor) -> Result<PixelValues, GenerationError> {
    let size = picture.resolution();
    let (width, height, edge) = (size.width() as usize, size.height() as usize, processor.shortest_edge);
    let side = |side: usize| u32::try_from(edge * side / width.min(height)).unwrap_or(u32::MAX);
    let whole = Resolution::new(side(width), side(height))?;
    let crop = u32::try_from(processor.crop).unwrap_or(u32::MAX);
    let square = picture.resized(whole, Filter::Bicubic)?.middle(Resolution::new(crop, crop)?)?;
    let channel = |channel: usize| {
        square.rgb().chunks_exact(3).map(move |rgb| processor.normalised([rgb[0], rgb[1], rgb[2]])[channel])
    };
    Ok(PixelValues { numbers: (0..3).flat_map(channel).collect(), shape: [3, processor.crop, processor.crop] })
}
