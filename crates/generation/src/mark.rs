//! What the marks of a finished video say of it.

use provenance::{Language, Origin};

use crate::{GenerationRequest, VideoGenerator};

/// Where the video of a request and seed comes from. `inputs` names what else went into it, in words that tell it apart.
pub fn origin(generator: &dyn VideoGenerator, request: &GenerationRequest, (seed, inputs): (u64, &str)) -> Origin {
    let recipe = format!(
        "{model}|{prompt}|{negative}|{size}|{frames}|{rate}|{sampler:?}|{steps}|{guidance:?}|{seed}|{inputs}",
        model = generator.name(),
        prompt = request.prompt(),
        negative = request.negative_prompt(),
        size = request.resolution(),
        frames = request.num_frames(),
        rate = request.frame_rate(),
        sampler = request.sampler(),
        steps = request.num_inference_steps(),
        guidance = request.guidance(),
    );
    Origin { model: generator.name(), recipe, language: Language::of(request.prompt()) }
}
