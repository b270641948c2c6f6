//! Prompts for combinations that training never sees, to measure what a model makes of them.

use crate::{
    captions, captions_zh,
    distribution::{Distribution, Weights},
    labels::{Labels, Split},
    plan::CameraMove,
    stage::Daytime,
    world::World,
};

/// Clear prompts, each with what a video of it must show: mostly English, every eighth Chinese.
///
/// Each names colour, shape, motion, place, time of day and camera in the plainest words. The combinations of colour,
/// shape and motion are held out (see [`is_held_out`](crate::is_held_out)) and occur equally often, as far as `count`
/// allows. The same `count` gives the same prompts, and a smaller one a part of them.
pub fn held_out_prompts(count: usize) -> Vec<(String, Labels)> {
    let distribution = Distribution {
        daytimes: Weights::new([(Daytime::Morning, 1.0), (Daytime::Noon, 1.0), (Daytime::Sunset, 1.0)]),
        // Some of each camera move.
        cameras: Weights::new(
            CameraMove::ALL.iter().map(|&camera| (camera, if camera == CameraMove::Still { 3.0 } else { 1.0 })),
        ),
        split: Split::HeldOut,
        ..Distribution::simple()
    };
    let key = |labels: &Labels| (labels.colour, labels.shape, labels.motion);
    let mut prompts: Vec<(String, Labels)> = Vec::with_capacity(count);
    // Each round takes each combination once; a round ends when no new combination has come for a while.
    let (mut seen, mut tries) = (Vec::new(), 0);
    let mut seed = 0;
    while prompts.len() < count {
        let world = World::sample(&distribution, seed);
        seed += 1;
        let labels = world.labels();
        if seen.contains(&key(&labels)) {
            tries += 1;
            if tries > 200 {
                seen.clear();
                tries = 0;
            }
            continue;
        }
        tries = 0;
        seen.push(key(&labels));
        let text =
            if prompts.len() % 8 == 7 { captions_zh::prompt(world.plan()) } else { captions::prompt(world.plan()) };
        prompts.push((text, labels));
    }
    prompts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::is_held_out;

    #[test]
    fn prompts_are_held_out_clear_and_even() {
        let prompts = held_out_prompts(64);
        assert_eq!(prompts.len(), 64);
        assert_eq!(prompts[..16], held_out_prompts(16));
        for (text, labels) in &prompts {
            assert!(is_held_out(labels), "{text}");
            let english = text.is_ascii();
            let says = |words: crate::words::Words| text.contains(if english { words.en[0] } else { words.zh[0] });
            assert!(says(labels.colour.words()) && says(labels.shape.words()), "{text} {labels:?}");
            assert!(text.to_lowercase().contains(labels.camera.words().en[0]) || !english, "{text}");
        }
        let most = prompts
            .iter()
            .map(|(_, a)| {
                prompts.iter().filter(|(_, b)| (a.colour, a.shape, a.motion) == (b.colour, b.shape, b.motion)).count()
            })
            .max();
        assert!(most <= Some(3), "{most:?}");
    }
}
