//! Whether a model folder is whole, without holding more of it than a tensor.

use std::ops::ControlFlow;

use burn::tensor::Device;

use crate::{WanError, WanFolder, export};

/// Reads all of a model and gives back how many tensors it has.
///
/// `progress` hears how many bytes of how many have been read, and may stop it.
///
/// # Errors
/// [`WanError`] that names what is missing, left over, of another shape or not finite; [`WanError::Stopped`].
pub fn verify(folder: &WanFolder, progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>) -> Result<usize, WanError> {
    let device = Device::flex();
    folder.scheduler()?;
    folder.tokenizer(folder.text_encoder(&device)?.config().vocab_size)?;
    folder.decoder(&device)?;
    folder.encoder(&device)?;
    folder.check_transformer(&device)?;
    if folder.takes_image_embeds()? {
        folder.image_processor()?;
        folder.image_encoder(&device)?;
    }
    let parts = export::parts(folder)?;
    let total: u64 = parts.iter().map(|part| part.weights.stored_bytes()).sum();
    let (mut done, mut tensors) = (0, 0);
    for part in &parts {
        tensors += part.weights.names().count();
        part.weights.look_at_all(&mut |more| {
            done += more;
            progress(done, total)
        })?;
    }
    Ok(tensors)
}
