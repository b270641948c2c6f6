//! What every sampler owes to the canvas, whatever its formula.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

use burn::tensor::{Device, Tensor};
use common::{canvas_at, mixture, tensor, values};
use diffusion::{
    Canvas, Denoiser, DiffusionError, Guidance, Guided, Sampler, Schedule, Sigma, Silent, levels_per_frame, noise,
};

const SHAPE: [usize; 4] = [3, 5, 2, 2];
const DIMS: [usize; 5] = [1, 3, 5, 2, 2];

fn sigma(value: f32) -> Sigma {
    Sigma::new(value).unwrap()
}

fn imagined() -> Canvas {
    Canvas::imagined(noise(SHAPE, &[1], &Device::default()))
}

/// Frame 0 known, frames 1 to 3 known roughly, frame 4 to be imagined.
fn mixed() -> Canvas {
    let device = Device::default();
    // Negative zero and the smallest numbers are where arithmetic that should do nothing shows.
    let odd = [-0.0, 0.0, f32::MIN_POSITIVE, -1e-40, 1.5, -0.3];
    let data = tensor((0..60).map(|i| odd[i % odd.len()]).collect(), DIMS);
    let start = levels_per_frame(&[vec![0.0, 0.25, 0.5, 0.55, 1.0]], [2, 2], &device).unwrap();
    Canvas::noised(data, noise(SHAPE, &[1], &device), start).unwrap()
}

fn frame_bits(latents: Tensor<5>, frame: usize) -> Vec<u32> {
    values(latents.narrow(2, frame, 1)).into_iter().map(f32::to_bits).collect()
}

#[test]
fn noising_keeps_known_positions_bit_for_bit() {
    let canvas = mixed();
    assert_eq!(frame_bits(canvas.latents.clone(), 0)[..2], [(-0.0f32).to_bits(), 0.0f32.to_bits()]);
    assert_eq!(
        frame_bits(canvas.latents, 4),
        frame_bits(noise(SHAPE, &[1], &Device::default()), 4),
        "what is to be imagined starts as the noise itself"
    );
}

#[test]
fn known_patches_come_back_bit_for_bit_and_the_rest_moves() {
    for sampler in Sampler::ALL {
        let before = mixed();
        let sigmas = Schedule::Linear.sigmas(7).unwrap();
        let after = sampler.sample(&mixture, before.clone(), &sigmas, &mut Silent).unwrap();
        assert_eq!(frame_bits(after.latents.clone(), 0), frame_bits(before.latents.clone(), 0), "{sampler}");
        for frame in 1..5 {
            assert_ne!(
                frame_bits(after.latents.clone(), frame),
                frame_bits(before.latents.clone(), frame),
                "{sampler}"
            );
        }
        assert!(values(after.latents).iter().all(|x| x.is_finite()), "{sampler}");
        assert!(values(after.start).iter().all(|&level| level == 0.0), "all of a finished canvas is known");
    }
}

#[test]
fn roughly_known_patches_rest_until_the_walk_reaches_their_level() {
    for sampler in Sampler::ALL {
        let before = mixed();
        let seen: RefCell<Vec<(Sigma, Tensor<5>)>> = RefCell::default();
        let watching = |canvas: &Canvas, sigma: Sigma| {
            seen.borrow_mut().push((sigma, canvas.latents.clone()));
            mixture(canvas, sigma)
        };
        let sigmas = Schedule::Linear.sigmas(8).unwrap();
        sampler.sample(&watching, before.clone(), &sigmas, &mut Silent).unwrap();
        for (sigma, latents) in seen.into_inner() {
            for (frame, start) in [(1, 0.25), (2, 0.5), (3, 0.55)] {
                let rested = frame_bits(latents.clone(), frame) == frame_bits(before.latents.clone(), frame);
                assert_eq!(rested, sigma.value() >= start, "{sampler}, frame {frame} at sigma {sigma}");
            }
        }
    }
}

#[test]
fn a_patch_that_rested_walks_as_if_it_had_been_alone() {
    // The mixture treats every position on its own, so that resting at 0.5 and then walking with the others must
    // give what a canvas gives that starts at 0.5.
    for sampler in Sampler::ALL {
        let sigmas = Schedule::Linear.sigmas(8).unwrap();
        let together = sampler.sample(&mixture, mixed(), &sigmas, &mut Silent).unwrap();
        let alone = canvas_at(sigma(0.5), mixed().latents);
        let alone = sampler.sample(&mixture, alone, &sigmas[4..], &mut Silent).unwrap();
        assert_eq!(frame_bits(together.latents, 2), frame_bits(alone.latents, 2), "{sampler}");
    }
}

#[test]
fn a_walk_in_two_halves_leaves_a_sound_canvas_between() {
    let sigmas = Schedule::Linear.sigmas(8).unwrap();
    let whole = Sampler::Heun.sample(&mixture, mixed(), &sigmas, &mut Silent).unwrap();
    let half = Sampler::Heun.sample(&mixture, mixed(), &sigmas[..5], &mut Silent).unwrap();
    assert_eq!(values(half.start.clone()).into_iter().fold(0.0, f32::max), 0.5);
    let rest = Sampler::Heun.sample(&mixture, half, &sigmas[4..], &mut Silent).unwrap();
    assert_eq!(values(whole.latents), values(rest.latents));
}

#[test]
fn bad_schedules_are_refused() {
    for sampler in Sampler::ALL {
        for (levels, words) in [
            (vec![], "at least two"),
            (vec![1.0], "at least two"),
            (vec![1.0, 0.5, 0.5, 0.0], "level 2 is 0.5 after 0.5"),
            (vec![0.0, 0.5, 1.0], "fall strictly"),
            (vec![0.6, 0.3, 0.0], "patches at level 1, but the noise levels begin at 0.6"),
        ] {
            let sigmas: Vec<Sigma> = levels.into_iter().map(sigma).collect();
            let error = sampler.sample(&mixture, imagined(), &sigmas, &mut Silent).unwrap_err();
            assert!(matches!(error, DiffusionError::Schedule { .. }) && error.to_string().contains(words), "{error}");
        }
    }
}

#[test]
fn wrongly_laid_out_canvases_are_refused() {
    let sigmas = Schedule::Linear.sigmas(3).unwrap();
    let sample = |canvas| Sampler::Euler.sample(&mixture, canvas, &sigmas, &mut Silent).unwrap_err().to_string();
    let start = Tensor::ones([1, 1, 4, 2, 2], &Device::default());
    let message = sample(Canvas { start, ..imagined() });
    assert!(message.contains("must have the shape [1, 1, 5, 2, 2], but has [1, 1, 4, 2, 2]"), "{message}");
    for wrong in [1.5, -0.1, f32::NAN] {
        let start = imagined().start * wrong;
        let message = sample(Canvas { start, ..imagined() });
        assert!(message.contains("noise level must lie between"), "{message}");
    }
}

#[test]
fn a_velocity_that_is_not_finite_names_its_step() {
    for sampler in Sampler::ALL {
        for wrong in [f32::NAN, f32::INFINITY] {
            let broken = |canvas: &Canvas, sigma: Sigma| {
                let velocity = mixture(canvas, sigma)?;
                Ok(if sigma.value() < 0.45 { velocity.slice_fill([0..1, 1..2], wrong) } else { velocity })
            };
            let sigmas = Schedule::Linear.sigmas(10).unwrap();
            let error = sampler.sample(&broken, imagined(), &sigmas, &mut Silent).unwrap_err();
            // Level 0.4 is where step 7 begins; Heun looks there at the end of step 6.
            let step = if sampler == Sampler::Heun { 6 } else { 7 };
            let expected = format!("not finite in step {step} of 10 (sigma 0.4)");
            assert!(error.to_string().contains(&expected), "{sampler}: {error}");
        }
    }
}

#[test]
fn a_canvas_without_its_seeds_is_refused_by_what_adds_noise() {
    let sigmas = Schedule::Linear.sigmas(2).unwrap();
    let sample = |seeds: &[u64]| Sampler::Dmd.sample(&mixture, imagined().with_seeds(seeds), &sigmas, &mut Silent);
    let message = sample(&[1, 2]).unwrap_err().to_string();
    assert!(message.contains("the seeds of a canvas must have the shape [1], one for each clip"), "{message}");
    assert_ne!(values(sample(&[1]).unwrap().latents), values(sample(&[2]).unwrap().latents));
}

#[test]
fn a_velocity_of_another_shape_is_refused() {
    let broken = |canvas: &Canvas, _: Sigma| Ok(canvas.start.clone());
    let sigmas = Schedule::Linear.sigmas(2).unwrap();
    let error = Sampler::UniPc.sample(&broken, imagined(), &sigmas, &mut Silent).unwrap_err();
    assert!(error.to_string().contains("the velocity that a denoiser returns must have the shape"), "{error}");
}

#[test]
fn progress_counts_every_step_and_may_stop_between_two() {
    for sampler in Sampler::ALL {
        let sigmas = Schedule::Linear.sigmas(4).unwrap();
        let mut heard = Vec::new();
        let mut listen = |done, total| {
            heard.push((done, total));
            ControlFlow::Continue(())
        };
        sampler.sample(&mixture, imagined(), &sigmas, &mut listen).unwrap();
        assert_eq!(heard, [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]);

        let mut stop = |done, _| if done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let error = sampler.sample(&mixture, imagined(), &sigmas, &mut stop).unwrap_err();
        assert!(matches!(error, DiffusionError::Interrupted { done: 2, total: 4 }), "{error}");
    }
}

#[test]
fn a_sampler_asks_as_often_as_it_says() {
    for sampler in Sampler::ALL {
        let asked = Cell::new(0);
        let counting = |canvas: &Canvas, sigma: Sigma| {
            asked.set(asked.get() + 1);
            mixture(canvas, sigma)
        };
        sampler.sample(&counting, imagined(), &Schedule::Linear.sigmas(9).unwrap(), &mut Silent).unwrap();
        let saved = sampler.evaluations_per_step() - 1; // in the last step
        assert_eq!(asked.get(), 9 * sampler.evaluations_per_step() - saved, "{sampler}");
    }
}

#[test]
fn outside_its_interval_guidance_runs_only_the_conditional_model() {
    let asked: RefCell<Vec<f32>> = RefCell::default();
    let conditional = |canvas: &Canvas, _: Sigma| Ok(canvas.latents.zeros_like() + 1.0);
    let unconditional = |canvas: &Canvas, sigma: Sigma| {
        asked.borrow_mut().push(sigma.value());
        Ok(canvas.latents.zeros_like() - 1.0)
    };
    let guidance = Guidance::new(3.0).unwrap().within(sigma(0.25), sigma(0.5)).unwrap();
    let guided = Guided { conditional: &conditional, unconditional: &unconditional, guidance };
    for (level, expected) in [(0.75, 1.0), (0.5, 5.0), (0.25, 5.0), (0.1, 1.0)] {
        let velocity = guided.velocity(&imagined(), sigma(level)).unwrap();
        assert!(values(velocity).iter().all(|&v| v == expected), "at sigma {level}");
    }
    assert_eq!(*asked.borrow(), [0.5, 0.25]);

    let off = Guided { guidance: Guidance::new(1.0).unwrap(), ..guided };
    off.velocity(&imagined(), sigma(0.5)).unwrap();
    assert_eq!(asked.borrow().len(), 2, "a scale of 1 needs no unconditional model");
}

#[test]
fn unusable_guidance_is_refused() {
    for scale in [-1.0, 101.0, f32::NAN, f32::INFINITY] {
        let message = Guidance::new(scale).unwrap_err().to_string();
        assert!(message.contains("guidance_scale must be between 0 and 100"), "{message}");
    }
    assert!(Guidance::new(4.0).unwrap().within(sigma(0.6), sigma(0.5)).is_err());
    let read = |text| serde_json::from_str::<Guidance>(text);
    assert_eq!(read(r#"{"guidance_scale": 4.0}"#).unwrap(), Guidance::new(4.0).unwrap());
    assert!(read(r#"{"guidance_scale": -4.0}"#).is_err());
    assert!(read(r#"{"guidance_scale": 4.0, "scael": 1.0}"#).is_err());
}
