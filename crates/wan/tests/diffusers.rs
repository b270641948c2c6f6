//! Every part against what diffusers and transformers compute with the same weights.
//!
//! The goldens are made by scripts/goldens/wan.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Goldens, goldens, model, values};
use wan::{
    Precision, SchedulerConfig, WanFolder,
    autoencoder::{Decoder, StreamState},
    text::TextInput,
    transformer::{Transformer, TransformerInput},
};

fn folder() -> WanFolder {
    WanFolder::open(&model()).unwrap()
}

#[test]
fn the_transformer_gives_what_diffusers_gives() {
    let (goldens, transformer) = (Goldens::open(), folder().transformer(&Device::flex()).unwrap());
    for name in ["small", "batch"] {
        let input = TransformerInput {
            hidden_states: goldens.get(&format!("transformer.{name}.hidden_states")),
            timesteps: &goldens.numbers(&format!("transformer.{name}.timestep")),
            encoder_hidden_states: goldens.get(&format!("transformer.{name}.encoder_hidden_states")),
            encoder_hidden_states_image: None,
        };
        goldens.compare(&format!("transformer.{name}.sample"), transformer.forward(input).unwrap());
    }
}

#[test]
fn the_transformer_takes_an_image_as_diffusers_does() {
    let (goldens, folder) = (Goldens::open(), goldens().join("image_transformer"));
    let transformer = Transformer::load(&folder, &[], Precision::F32, &Device::flex()).unwrap();
    // All text tokens are attended to, also those of padding.
    let text: Tensor<3> = goldens.get("transformer.image.encoder_hidden_states");
    let [_, tokens, width] = text.dims();
    let padding = Tensor::zeros([1, 512 - tokens, width], &Device::flex());
    let input = TransformerInput {
        hidden_states: goldens.get("transformer.image.hidden_states"),
        timesteps: &goldens.numbers("transformer.image.timestep"),
        encoder_hidden_states: Tensor::cat(vec![text, padding], 1),
        encoder_hidden_states_image: Some(goldens.get("transformer.image.encoder_hidden_states_image")),
    };
    goldens.compare("transformer.image.sample", transformer.forward(input).unwrap());
}

#[test]
fn what_prompts_are_filled_up_with_counts_as_often_as_it_is_there() {
    let (goldens, transformer) = (Goldens::open(), folder().transformer(&Device::flex()).unwrap());
    let hidden_states: Tensor<5> = goldens.get("transformer.batch.hidden_states");
    let text: Tensor<3> = goldens.get("transformer.batch.encoder_hidden_states");
    let [clips, tokens, width] = text.dims();
    let forward = |hidden_states: Tensor<5>, text: Tensor<3>| {
        let timesteps = vec![300.0; hidden_states.dims()[0]];
        let (encoder_hidden_states, encoder_hidden_states_image) = (text, None);
        let input = TransformerInput {
            hidden_states,
            timesteps: &timesteps,
            encoder_hidden_states,
            encoder_hidden_states_image,
        };
        transformer.forward(input).unwrap()
    };
    let zeros = |length: usize| Tensor::<3>::zeros([1, tokens - length, width], &Device::flex());
    let prompt = |clip: usize, length: usize| text.clone().slice([clip..clip + 1, 0..length, 0..width]);
    let lengths: Vec<usize> = (0..clips).map(|clip| 2 + clip).collect();
    let filled =
        lengths.iter().enumerate().map(|(clip, length)| Tensor::cat(vec![prompt(clip, *length), zeros(*length)], 1));
    let together = forward(hidden_states.clone(), Tensor::cat(filled.clone().collect(), 0));
    for (clip, (filled, length)) in filled.zip(&lengths).enumerate() {
        let of_clip = |of: &Tensor<5>| of.clone().narrow(0, clip, 1);
        // No two of the tokens are quite equal, so that each is computed.
        let numbers: Vec<f32> = (0..tokens * width).map(|number| number as f32 * 1e-9).collect();
        let apart = Tensor::from_data(TensorData::new(numbers, [1, tokens, width]), &Device::flex());
        let each = forward(of_clip(&hidden_states), filled + apart);
        let error = (of_clip(&together) - each.clone()).abs().max().into_scalar::<f32>();
        assert!(error < 1e-5, "{error}");
        let unfilled = forward(of_clip(&hidden_states), prompt(clip, *length));
        assert!((unfilled - each).abs().max().into_scalar::<f32>() > 1e-3);
    }
}

#[test]
fn the_autoencoder_gives_what_diffusers_gives() {
    let goldens = Goldens::open();
    let (decoder, encoder) = (folder().decoder(&Device::flex()).unwrap(), folder().encoder(&Device::flex()).unwrap());
    for name in ["still", "clip"] {
        let pixels = decoder.decode(goldens.get(&format!("vae.{name}.latents"))).unwrap();
        goldens.compare(&format!("vae.{name}.sample"), pixels);
        let latents = encoder.encode(goldens.get(&format!("vae.{name}.sample"))).unwrap();
        goldens.compare(&format!("vae.{name}.mean"), latents);
    }
}

#[test]
fn decoding_remembers_no_more_than_it_needs() {
    let decoder: Decoder = folder().decoder(&Device::flex()).unwrap();
    let latents: Tensor<5> = Goldens::open().get("vae.clip.latents");
    let whole = decoder.decode(latents.clone()).unwrap();
    // A later frame does not change what came before it.
    let mut state = StreamState::default();
    let first = decoder.decode_next(latents.clone().narrow(2, 0, 1), &mut state);
    let second = decoder.decode_next(latents.narrow(2, 1, 1), &mut state);
    assert_eq!(values(Tensor::cat(vec![first, second], 2)), values(whole.narrow(2, 0, 5)));
}

#[test]
fn the_text_encoder_gives_what_transformers_gives() {
    let (goldens, encoder) = (Goldens::open(), folder().text_encoder(&Device::flex()).unwrap());
    for name in ["long", "batch"] {
        let (ids, [_, length]) = goldens.indices(&format!("text.{name}.input_ids"));
        let (mask, _) = goldens.indices(&format!("text.{name}.attention_mask"));
        let present: Vec<bool> = mask.iter().map(|mask| *mask > 0).collect();
        let embeds = encoder.forward(&TextInput { ids: &ids, present: &present, length }).unwrap();
        goldens.compare(&format!("text.{name}.prompt_embeds"), embeds);
    }
}

#[test]
fn padding_changes_nothing_for_what_is_there() {
    let (goldens, encoder) = (Goldens::open(), folder().text_encoder(&Device::flex()).unwrap());
    let (ids, [_, _]) = goldens.indices("text.long.input_ids");
    let alone = encoder.forward(&TextInput { ids: &ids[..90], present: &[true; 90], length: 90 }).unwrap();
    let padded: Tensor<3> = goldens.get("text.long.prompt_embeds");
    let error = common::relative_error(&values(alone), &values(padded.narrow(1, 0, 90)));
    assert!(error < 1e-5, "{error}");
}

#[test]
fn prompts_become_the_ids_of_the_tokenizer() {
    let (goldens, tokenizer) = (Goldens::open(), folder().tokenizer(96).unwrap());
    let long = "a ".repeat(600);
    for (index, prompt) in ["a red ball", "  salt &amp;amp; pepper\n on a  table ", "", &long].iter().enumerate() {
        let (ids, _) = goldens.indices(&format!("tokenizer.{index}.ids"));
        assert_eq!(tokenizer.encode(prompt).unwrap(), ids, "{prompt:?}");
    }
}

#[test]
fn what_fastvideo_distilled_has_its_levels() {
    let scheduler = SchedulerConfig::Dmd;
    let (ours, theirs) = (scheduler.sigmas(3), Goldens::of("dmd").numbers("sigmas"));
    assert_eq!((ours.len(), ours[3]), (4, 0.0));
    assert!(ours.iter().zip(&theirs).all(|(ours, theirs)| (ours - theirs).abs() < 1e-6), "{ours:?} is not {theirs:?}");
    let timesteps: Vec<f32> = ours.iter().map(|sigma| scheduler.timestep(*sigma)).collect();
    assert_eq!(timesteps, [1000.0, 757.0, 522.0, 0.0]);
}

#[test]
fn schedulers_give_the_levels_of_diffusers() {
    let goldens = Goldens::open();
    assert_eq!(folder().scheduler().unwrap(), SchedulerConfig::UniPc { flow_shift: 3.0 });
    let schedulers = [
        ("unipc", SchedulerConfig::UniPc { flow_shift: 3.0 }),
        ("euler", SchedulerConfig::FlowMatchEuler { shift: 5.0 }),
    ];
    for (name, scheduler) in schedulers {
        for steps in [1, 2, 4, 50] {
            let sigmas = goldens.numbers(&format!("scheduler.{name}.{steps}.sigmas"));
            let timesteps = goldens.numbers(&format!("scheduler.{name}.{steps}.timesteps"));
            let ours = scheduler.sigmas(steps);
            assert_eq!(ours.len(), sigmas.len());
            for (ours, theirs) in ours.iter().zip(&sigmas) {
                assert!((ours - theirs).abs() < 1e-6, "{name} {steps}: {ours} is not {theirs}");
            }
            for (sigma, theirs) in ours.iter().zip(&timesteps) {
                let ours = scheduler.timestep(*sigma);
                assert!((ours - theirs).abs() < 1e-3, "{name} {steps}: {ours} is not {theirs}");
            }
        }
    }
}
