//! Samplers, schedules and noise against what diffusers and a plain ChaCha12 give.
//!
//! The goldens are made by scripts/goldens/diffusers_schedulers.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::path::Path;

use burn::tensor::Device;
use common::{canvas_at, mixture, tensor, values};
use diffusion::{Sampler, Schedule, Sigma, Silent, noise};
use safetensors::SafeTensors;

#[test]
fn every_sampler_gives_what_diffusers_gives() {
    let goldens = Goldens::open("samplers");
    for sampler in Sampler::ALL {
        for steps in [1, 2, 3, 5, 12, 30] {
            let name = format!("{sampler}.{steps}");
            let (sigmas, _) = goldens.get(&format!("{name}.sigmas"));
            let sigmas: Vec<Sigma> = sigmas.into_iter().map(|sigma| Sigma::new(sigma).unwrap()).collect();
            assert_eq!(sigmas.len(), steps + 1);
            let (initial, shape) = goldens.get("initial");
            let canvas = canvas_at(sigmas[0], tensor(initial, shape.try_into().unwrap())).with_seeds([5, 9]);
            let ours = sampler.sample(&mixture, canvas, &sigmas, &mut Silent).unwrap();
            goldens.compare(&format!("{name}.final"), values(ours.latents));
        }
    }
}

#[test]
fn every_schedule_gives_what_diffusers_gives() {
    let goldens = Goldens::open("schedules");
    let compare = |name: &str, schedule: Schedule| {
        goldens.compare(name, schedule.sigmas(20).unwrap().into_iter().map(Sigma::value).collect());
    };
    for tokens in [256, 576, 2304, 4096, 32760] {
        compare(&format!("tokens.{tokens}"), Schedule::for_tokens(tokens));
    }
    for shift in [1, 3, 7] {
        compare(&format!("shifted.{shift}"), Schedule::Shifted { shift: shift as f32 });
    }
    compare("shifted.1", Schedule::Linear);
    compare("karras.7", Schedule::Karras { rho: 7.0, sigma_min: 0.05 });
}

#[test]
fn the_noise_of_a_seed_is_what_its_definition_says() {
    let goldens = Goldens::open("noise");
    for seed in [0, 42, u64::MAX] {
        goldens.compare(&format!("seed.{seed}"), values(noise([2, 3, 3, 3], &[seed], &Device::default())));
    }
}

struct Goldens {
    bytes: Vec<u8>,
    tolerance: f32,
}

impl Goldens {
    fn open(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name).with_extension("safetensors");
        let bytes = std::fs::read(path).unwrap();
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        let tolerance = metadata.metadata().as_ref().unwrap()["tolerance"].parse().unwrap();
        Self { bytes, tolerance }
    }

    fn get(&self, name: &str) -> (Vec<f32>, Vec<usize>) {
        let tensors = SafeTensors::deserialize(&self.bytes).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        let (numbers, _) = tensor.data().as_chunks::<4>();
        (numbers.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(), tensor.shape().to_vec())
    }

    fn compare(&self, name: &str, ours: Vec<f32>) {
        let (theirs, _) = self.get(name);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let error = ours.iter().zip(&theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f32::max);
        println!("{name}: {error:e}");
        assert!(error <= self.tolerance, "{name}: the largest difference is {error}, allowed is {}", self.tolerance);
    }
}
