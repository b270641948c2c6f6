//! What the marks of a finished video say of it.

use provenance::{Language, Origin};

use crate::{GenerationRequest, VideoGenerator};

/// Where a video comes from that is made by these requests, one after another. `more` is what else tells it apart from
/// others: seed, what went into it, what it was made with.
pub fn origin(generator: &dyn VideoGenerator, requests: &[&GenerationRequest], more: &str) -> Origin {
    let recipes: String = requests.iter().map(|request| recipe(request)).collect();
    let prompts: String = requests.iter().map(|request| request.prompt()).collect();
    let model = generator.name();
    Origin { recipe: format!("{model}|{recipes}{more}"), language: Language::of(&prompts), model }
}

fn recipe(request: &GenerationRequest) -> String {
    format!(
        "{prompt}|{negative}|{size}|{frames}|{rate}|{sampler:?}|{steps}|{guidance:?}|{camera:?}|{motions:?}|{is_ring}|",
        prompt = request.prompt(),
        negative = request.negative_prompt(),
        size = request.resolution(),
        frames = request.num_frames(),
        rate = request.frame_rate(),
        sampler = request.sampler(),
        steps = request.num_inference_steps(),
        guidance = request.guidance(),
        camera = request.camera(),
        motions = request.motions(),
        is_ring = request.is_ring(),
    )
}
