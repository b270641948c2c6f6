//! The transformer's promises: packing changes nothing, levels and prompts matter, checkpoints come back whole.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Distribution, Tensor},
};
use models::{
    ModelError, TextEncoder, TextEncoderConfig, Transformer, TransformerConfig, WeightInit,
    checkpoint::{self, Precision},
    transformer::{MotionPath, Motions, TokenGrid, TransformerInput},
};

/// Makes every weight random, the ones that begin at zero too.
struct Shake;

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let noise = Tensor::random(value.dims(), Distribution::Normal(0.0, 0.1), &value.device());
            value + noise
        })
    }
}

fn models() -> (TextEncoder, Transformer) {
    let mut weights = WeightInit::new(&Device::flex(), 3);
    let text = TextEncoderConfig::tiny(50).init(&mut weights).map(&mut Shake);
    (text, TransformerConfig::tiny(4, 16).init(&mut weights).map(&mut Shake))
}

fn noise(tokens: usize) -> Tensor<2> {
    Tensor::random([tokens, 16], Distribution::Normal(0.0, 1.0), &Device::flex())
}

fn largest_difference(a: Tensor<2>, b: Tensor<2>) -> f32 {
    assert_eq!(a.dims(), b.dims());
    (a - b).abs().max().into_scalar::<f32>()
}

#[test]
fn a_fresh_transformer_says_nothing() {
    let mut weights = WeightInit::new(&Device::flex(), 3);
    let text = TextEncoderConfig::tiny(50).init(&mut weights);
    let transformer = TransformerConfig::tiny(4, 16).init(&mut weights);
    let grid = TokenGrid { frames: 1, rows: 2, columns: 2 };
    let input = TransformerInput {
        patches: noise(4),
        grids: &[grid],
        levels: &[0.5; 4],
        prompt_embeds: &text.forward(&[vec![1, 2]]),
        cameras: &[None],
        motions: None,
    };
    assert_eq!(transformer.forward(&input).abs().max().into_scalar::<f32>(), 0.0);
}

#[test]
fn packed_clips_do_not_see_each_other() {
    let (text, transformer) = models();
    let grids = [TokenGrid { frames: 2, rows: 2, columns: 3 }, TokenGrid { frames: 1, rows: 4, columns: 2 }];
    let (first, second) = (noise(12), noise(8));
    let camera = Some(vec![[0.0; 6], [0.3, 0.0, -0.1, 0.0, 0.2, 0.0]]);
    let paths = [MotionPath { clip: 0, points: vec![Some([0.2, 0.5]), Some([0.8, 0.5])] }];
    let names = text.forward(&[vec![7, 8]]);
    let motions = Some(Motions { paths: &paths, names: &names });
    let levels = [vec![0.0; 6], vec![0.7; 6], vec![1.0; 8]].concat();
    let packed = transformer.forward(&TransformerInput {
        patches: Tensor::cat(vec![first.clone(), second.clone()], 0),
        grids: &grids,
        levels: &levels,
        prompt_embeds: &text.forward(&[vec![1, 2, 3], vec![4]]),
        cameras: &[camera.clone(), None],
        motions,
    });
    let alone = |patches, index: usize, prompt: Vec<u32>, levels: &[f32], camera, motions| {
        transformer.forward(&TransformerInput {
            patches,
            grids: &grids[index..=index],
            levels,
            prompt_embeds: &text.forward(&[prompt]),
            cameras: &[camera],
            motions,
        })
    };
    let first = alone(first, 0, vec![1, 2, 3], &levels[..12], camera, motions);
    let second = alone(second, 1, vec![4], &levels[12..], None, None);
    assert!(largest_difference(packed, Tensor::cat(vec![first, second], 0)) < 1e-4);
}

#[test]
fn level_prompt_camera_and_place_all_matter() {
    let (text, transformer) = models();
    let patches = Tensor::ones([8, 16], &Device::flex());
    let grids = [TokenGrid { frames: 2, rows: 2, columns: 2 }];
    let run = |level: f32, prompt: u32, camera: Option<Vec<[f32; 6]>>| {
        transformer.forward(&TransformerInput {
            patches: patches.clone(),
            grids: &grids,
            levels: &[level; 8],
            prompt_embeds: &text.forward(&[vec![prompt, 9]]),
            cameras: &[camera],
            motions: None,
        })
    };
    let base = run(0.5, 1, None);
    assert!(largest_difference(base.clone(), run(0.6, 1, None)) > 1e-4);
    assert!(largest_difference(base.clone(), run(0.5, 2, None)) > 1e-4);
    assert!(largest_difference(base.clone(), run(0.5, 1, Some(vec![[0.5; 6]; 2]))) > 1e-4);
    assert!(largest_difference(base.clone().narrow(0, 0, 4), base.narrow(0, 4, 4)) > 1e-4);
}

#[test]
fn the_way_and_the_name_of_what_moves_matter() {
    let (text, transformer) = models();
    let patches = Tensor::ones([8, 16], &Device::flex());
    let grids = [TokenGrid { frames: 2, rows: 2, columns: 2 }];
    let run = |name: u32, x: f32| {
        let paths = [MotionPath { clip: 0, points: vec![Some([x, 0.5]), Some([0.8, 0.5])] }];
        transformer.forward(&TransformerInput {
            patches: patches.clone(),
            grids: &grids,
            levels: &[0.5; 8],
            prompt_embeds: &text.forward(&[vec![1, 9]]),
            cameras: &[None],
            motions: Some(Motions { paths: &paths, names: &text.forward(&[vec![name]]) }),
        })
    };
    let base = run(2, 0.2);
    assert!(largest_difference(base.clone(), run(2, 0.6)) > 1e-4);
    assert!(largest_difference(base, run(3, 0.2)) > 1e-4);
}

#[test]
fn eight_bits_change_little() {
    let (text, transformer) = models();
    let grids = [TokenGrid { frames: 3, rows: 4, columns: 2 }, TokenGrid { frames: 1, rows: 2, columns: 2 }];
    let input = TransformerInput {
        patches: noise(28),
        grids: &grids,
        levels: &[0.7; 28],
        prompt_embeds: &text.forward(&[vec![1, 2, 3], vec![4]]),
        cameras: &[None, None],
        motions: None,
    };
    let (exact, rounded) = (transformer.forward(&input), transformer.clone().quantised().forward(&input));
    let size = |x: Tensor<2>| x.powi_scalar(2).mean().sqrt().into_scalar::<f32>();
    let error = size(rounded - exact.clone()) / size(exact);
    assert!((1e-4..3e-2).contains(&error), "{error}");
}

#[test]
fn weights_come_back_whole_and_wrong_ones_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("transformer.safetensors");
    let (_, transformer) = models();
    checkpoint::save(&transformer, &path, Precision::F32).unwrap();

    let fresh = TransformerConfig::tiny(4, 16).init(&mut WeightInit::new(&Device::flex(), 99));
    let blank = TransformerConfig::tiny(4, 16).init(&mut WeightInit::blank(&Device::flex()));
    let loaded = checkpoint::load(blank, &path, "transformer").unwrap();
    assert_eq!(checkpoint::named_tensors(&loaded), checkpoint::named_tensors(&transformer));
    let loaded = checkpoint::load(fresh.clone(), &path, "transformer").unwrap();
    assert_eq!(checkpoint::named_tensors(&loaded), checkpoint::named_tensors(&transformer));

    let mut tensors = checkpoint::named_tensors(&transformer);
    let moved = tensors.remove("patch_in.bias").unwrap();
    tensors.insert("patch_in.bais".into(), moved);
    let error = checkpoint::put_tensors(fresh.clone(), &tensors, &path, "transformer").unwrap_err().to_string();
    assert!(error.contains("patch_in.bias is missing") && error.contains("patch_in.bais is left over"), "{error}");

    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 100]).unwrap();
    assert!(matches!(checkpoint::load(fresh.clone(), &path, "transformer"), Err(ModelError::Damaged { .. })));

    let wider = TransformerConfig { width: 48, ..TransformerConfig::tiny(4, 16) }
        .init(&mut WeightInit::new(&Device::flex(), 1));
    std::fs::write(&path, &whole).unwrap();
    let error = checkpoint::load(wider, &path, "transformer").unwrap_err().to_string();
    assert!(error.contains("has shape"), "{error}");
}
