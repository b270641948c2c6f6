//! LoRA files against what diffusers makes of them, and those that do not fit.
//!
//! The goldens are made by scripts/goldens/wan.py.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use common::{Goldens, Stored, goldens, model, relative_error, rewrite, says, values};
use safetensors::Dtype;
use tempfile::TempDir;
use wan::{Lora, WanFolder, transformer::TransformerInput};

/// Relative error against diffusers.
const TOLERANCE: f64 = 1e-5;

fn golden(name: &str) -> PathBuf {
    goldens().join("lora").join(format!("{name}.safetensors"))
}

/// What the tiny transformer makes of the small inputs with these files.
fn sample(loras: &[(&Path, f32)]) -> Vec<f32> {
    let goldens = Goldens::open();
    let loras = loras.iter().map(|(path, scale)| Lora::new(*path, *scale).unwrap()).collect();
    let folder = WanFolder::open(&model()).unwrap().with_loras(loras).unwrap();
    let input = TransformerInput {
        hidden_states: goldens.get("transformer.small.hidden_states"),
        timesteps: &goldens.numbers("transformer.small.timestep"),
        encoder_hidden_states: goldens.get("transformer.small.encoder_hidden_states"),
        encoder_hidden_states_image: None,
    };
    values(folder.transformer(&Device::flex()).unwrap().forward(input).unwrap())
}

/// A copy of a golden whose tensors can be changed.
struct Copy(TempDir, PathBuf);

impl Copy {
    fn of(name: &str, change: impl FnOnce(&mut BTreeMap<String, Stored>)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("style.safetensors");
        fs::copy(golden(name), &path).unwrap();
        rewrite(&path, change);
        Self(folder, path)
    }

    /// The same tensors under other names.
    fn renamed(name: &str, rename: impl Fn(&str) -> String) -> Self {
        Self::of(name, |tensors| {
            *tensors = std::mem::take(tensors).into_iter().map(|(name, tensor)| (rename(&name), tensor)).collect();
        })
    }

    fn error(&self) -> String {
        let lora = Lora::new(&self.1, 1.0).unwrap();
        WanFolder::open(&model()).unwrap().with_loras(vec![lora]).unwrap_err().to_string()
    }
}

/// What is said of a golden after its tensors were changed.
fn error_with(name: &str, change: impl FnOnce(&mut BTreeMap<String, Stored>)) -> String {
    let message = Copy::of(name, change).error();
    says(&message, &["style.safetensors", "transformer"]);
    message
}

#[track_caller]
fn same(ours: &[f32], theirs: &[f32]) {
    let error = relative_error(ours, theirs);
    assert!(error <= TOLERANCE, "the relative error is {error:e}");
}

#[test]
fn files_of_every_kind_do_what_they_do_in_diffusers() {
    let goldens = Goldens::open();
    let plain = sample(&[]);
    for (name, files) in [
        ("diffusers", &[("diffusers", 1.0)][..]),
        ("comfy", &[("comfy", -0.75)]),
        ("kohya", &[("kohya", 1.5)]),
        ("differences", &[("differences", 0.5)]),
        ("two", &[("diffusers", 0.5), ("kohya", -0.5)]),
    ] {
        let paths: Vec<(PathBuf, f32)> = files.iter().map(|(file, scale)| (golden(file), *scale)).collect();
        let ours = sample(&paths.iter().map(|(path, scale)| (path.as_path(), *scale)).collect::<Vec<_>>());
        let theirs = values(goldens.get::<5>(&format!("lora.{name}.sample")));
        println!(
            "lora.{name}: {:.1e}, changed by {:.1e}",
            relative_error(&ours, &theirs),
            relative_error(&ours, &plain)
        );
        same(&ours, &theirs);
        assert!(relative_error(&ours, &plain) > 0.05, "{name} changes too little to be seen");
    }
}

#[test]
fn a_scale_of_0_changes_nothing() {
    assert_eq!(sample(&[(&golden("comfy"), 0.0), (&golden("differences"), 0.0)]), sample(&[]));
}

#[test]
fn the_same_file_under_other_names_does_the_same() {
    let kohya = sample(&[(&golden("kohya"), 1.5)]);
    let dotted = |name: &str| {
        let (layer, kind) = name.strip_prefix("lora_unet_").unwrap().split_once('.').unwrap();
        (layer.replace('_', ".").replace("self.attn", "self_attn").replace("cross.attn", "cross_attn"), kind.to_owned())
    };
    let diffusers = |layer: &str| {
        let layer = layer.replace("self_attn", "attn1").replace("cross_attn", "attn2").replace(".o", ".to_out.0");
        let layer = ["q", "k", "v"]
            .iter()
            .fold(layer, |layer, name| layer.replace(&format!(".{name}"), &format!(".to_{name}")));
        layer.replace("ffn.0", "ffn.net.0.proj").replace("ffn.2", "ffn.net.2")
    };
    for rename in [
        &|layer: &str, kind: &str| format!("diffusion_model.{layer}.{kind}"),
        &|layer: &str, kind: &str| {
            format!("{layer}.{}", kind.replace("lora_down", "lora_A.default").replace("lora_up", "lora_B.default"))
        },
        &|layer: &str, kind: &str| {
            let kind = kind.replace("lora_down", "lora_A").replace("lora_up", "lora_B");
            format!("base_model.model.{}.{kind}", diffusers(layer))
        },
        &|layer: &str, kind: &str| format!("lora_transformer_{}.{kind}", diffusers(layer).replace('.', "_")),
    ] as [&dyn Fn(&str, &str) -> String; 4]
    {
        let copy = Copy::renamed("kohya", |name| {
            let (layer, kind) = dotted(name);
            rename(&layer, &kind)
        });
        assert_eq!(sample(&[(&copy.1, 1.5)]), kohya, "{}", rename("blocks.0.self_attn.o", "lora_down.weight"));
    }
}

#[test]
fn alpha_is_the_rank_where_nobody_says_another() {
    // Without the notes in its header, whose alpha is 3 for a rank of 2.
    let bare = Copy::of("diffusers", |_| {});
    same(&sample(&[(&bare.1, 1.5)]), &sample(&[(&golden("diffusers"), 1.0)]));
    // As whole numbers, and as a list of one.
    let with_alpha = Copy::of("diffusers", |tensors| {
        for name in tensors.keys().cloned().collect::<Vec<_>>() {
            if let Some(layer) = name.strip_suffix(".lora_A.weight") {
                tensors.insert(format!("{layer}.alpha"), (Dtype::I64, vec![1], 3i64.to_le_bytes().to_vec()));
            }
        }
    });
    same(&sample(&[(&with_alpha.1, 1.0)]), &sample(&[(&golden("diffusers"), 1.0)]));
    // A bias beside the second matrix takes part in the product's factor, a difference does not.
    let bias = Copy::of("comfy", |tensors| {
        let (layer, other) = ("diffusion_model.blocks.0.self_attn.q", "diffusion_model.blocks.1.cross_attn.k");
        for layer in [layer, other] {
            let difference = tensors.remove(&format!("{layer}.diff_b")).unwrap();
            tensors.insert(format!("{layer}.lora_B.bias"), difference);
        }
        tensors.insert(format!("{layer}.alpha"), (Dtype::F32, vec![], 1f32.to_le_bytes().to_vec()));
    });
    let difference = Copy::of("comfy", |tensors| {
        let name = "diffusion_model.blocks.0.self_attn.q.alpha".to_owned();
        tensors.insert(name, (Dtype::F32, vec![], 1f32.to_le_bytes().to_vec()));
    });
    same(&sample(&[(&bias.1, 1.0)]), &sample(&[(&difference.1, 1.0)]));
}

#[test]
fn files_of_other_models_are_named() {
    let rename_all = |from: &str, to: &str| Copy::renamed("kohya", |name| name.replace(from, to)).error();
    says(
        &rename_all("_blocks_1_", "_blocks_7_"),
        &["lora_unet_blocks_7_", "no layer of this model", "attn1.to_q", "more"],
    );
    says(&rename_all("_self_attn_q", "_img_attn_qkv"), &["lora_unet_blocks_0_img_attn_qkv.lora_down.weight"]);
    says(&rename_all("lora_unet_", "lora_te_"), &["lora_te_blocks", "no layer"]);
    let message = Copy::renamed("kohya", |name| name.replace("lora_down.weight", "hada_w1_a")).error();
    says(&message, &["hada_w1_a is no part of a LoRA", "lora_A and lora_B"]);
    says(&error_with("kohya", BTreeMap::clear), &["holds no tensors"]);
    // Weights of a model are no LoRA.
    let weights = model().join("transformer/diffusion_pytorch_model.safetensors");
    let folder = WanFolder::open(&model()).unwrap();
    let message = folder.with_loras(vec![Lora::new(weights, 1.0).unwrap()]).unwrap_err().to_string();
    says(&message, &["is no part of a LoRA", "more"]);
    assert!(message.len() < 900, "{message}");
}

#[test]
fn shapes_that_do_not_fit_are_named() {
    let reshaped = |name: &'static str, shape: &'static [usize]| {
        error_with("diffusers", move |tensors| {
            let (dtype, old, bytes) = tensors.get_mut(name).unwrap();
            (*dtype, *old) = (Dtype::F32, shape.to_vec());
            bytes.resize(4 * shape.iter().product::<usize>(), 0);
        })
    };
    let (down, up) = ("transformer.blocks.0.attn1.to_q.lora_A.weight", "transformer.blocks.0.attn1.to_q.lora_B.weight");
    let target = "to be added to blocks.0.attn1.to_q.weight";
    says(&reshaped(down, &[2, 40]), &[down, "[2, 40]", "must be [rank, 24]", target]);
    says(&reshaped(down, &[3, 24]), &[up, "[24, 2]", "must be [24, 3]", target]);
    for shape in [&[][..], &[48], &[0, 24], &[2, 1, 24]] {
        says(&reshaped(down, shape), &[down, "must be [rank, 24]"]);
    }
    for shape in [&[][..], &[48], &[24, 2, 2], &[2, 24]] {
        says(&reshaped(up, shape), &[up, "must"]);
    }
    let patch = "transformer.patch_embedding.lora_A.weight";
    says(&reshaped(patch, &[2, 4, 2, 2, 1]), &[patch, "must be [rank, 4, 1, 2, 2]"]);
    let message = error_with("differences", |tensors| {
        tensors.get_mut("diffusion_model.blocks.0.norm3.diff").unwrap().1 = vec![4, 6];
    });
    says(&message, &["norm3.diff", "[4, 6]", "must be [24]", "blocks.0.norm2.weight"]);
}

#[test]
fn a_convolution_may_come_as_a_matrix() {
    let flat = Copy::of("diffusers", |tensors| {
        tensors.get_mut("transformer.patch_embedding.lora_A.weight").unwrap().1 = vec![2, 16];
        tensors.get_mut("transformer.patch_embedding.lora_B.weight").unwrap().1 = vec![24, 2];
    });
    same(&sample(&[(&flat.1, 1.5)]), &sample(&[(&golden("diffusers"), 1.0)]));
}

#[test]
fn halves_and_doubles_and_strange_numbers_are_named() {
    let (down, up) = ("transformer.proj_out.lora_A.weight", "transformer.proj_out.lora_B.weight");
    says(&error_with("diffusers", |tensors| drop(tensors.remove(down))), &[up, "no lora_A or lora_down beside it"]);
    says(&error_with("diffusers", |tensors| drop(tensors.remove(up))), &[down, "no lora_B or lora_up beside it"]);
    let message = error_with("kohya", |tensors| tensors.retain(|name, _| name.ends_with(".alpha")));
    says(&message, &["alpha stands alone"]);
    let message = error_with("diffusers", |tensors| {
        let tensor = tensors[down].clone();
        tensors.insert("proj_out.lora_A.default.weight".into(), tensor);
    });
    says(&message, &[down, "proj_out.lora_A.default.weight", "twice"]);
    let message = error_with("diffusers", |tensors| {
        tensors.get_mut(up).unwrap().2[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    says(&message, &[up, "not finite"]);
    let message = error_with("diffusers", |tensors| tensors.get_mut(up).unwrap().0 = Dtype::I32);
    says(&message, &[up, "stored as I32; F32, F16 and BF16 are read"]);
    let alpha = "lora_unet_blocks_0_ffn_0.alpha";
    let with_alpha = |tensor: Stored| error_with("kohya", move |tensors| drop(tensors.insert(alpha.into(), tensor)));
    says(&with_alpha((Dtype::F32, vec![2], vec![0; 8])), &[alpha, "one number"]);
    says(&with_alpha((Dtype::F32, vec![], f32::INFINITY.to_le_bytes().to_vec())), &["alpha that is not finite"]);
    says(&Lora::new("style.safetensors", f32::NAN).unwrap_err().to_string(), &["scale", "finite", "NaN"]);
}

#[test]
fn files_that_are_cut_or_missing_are_named() {
    let copy = Copy::of("comfy", |_| {});
    let whole = fs::read(&copy.1).unwrap();
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        fs::write(&copy.1, &whole[..length]).unwrap();
        says(&copy.error(), &["style.safetensors", "damaged"]);
    }
    fs::remove_file(&copy.1).unwrap();
    says(&copy.error(), &["cannot read", "style.safetensors"]);
    assert!(copy.0.path().is_dir());
}

#[test]
fn a_sum_that_is_not_finite_is_named() {
    let folder = WanFolder::open(&model()).unwrap();
    let folder = folder.with_loras(vec![Lora::new(golden("differences"), f32::MAX).unwrap(); 9]).unwrap();
    let message = folder.transformer(&Device::flex()).unwrap_err().to_string();
    says(&message, &["is not finite with the LoRA added", "smaller scale"]);
}
