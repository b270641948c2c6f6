//! Checkpoints that are damaged, incomplete, or not what they say: each is an error that names what is wrong.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::{Device, Tensor};
use common::{Stored, goldens, model, rewrite, says};
use safetensors::Dtype;
use tempfile::TempDir;
use wan::{WanError, WanFolder, tensor_file::TensorFile, text::TextInput, transformer::TransformerInput};

const WEIGHTS: &str = "diffusion_pytorch_model.safetensors";
const INDEX: &str = "text_encoder/model.safetensors.index.json";

/// A copy of the tiny model, to be damaged.
struct Copy(TempDir);

impl Copy {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&model(), folder.path());
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self) -> WanFolder {
        WanFolder::open(self.0.path()).unwrap()
    }

    /// What is said of the transformer after its tensors were changed.
    fn transformer_with(&self, change: impl FnOnce(&mut BTreeMap<String, Stored>)) -> String {
        rewrite(&self.path("transformer").join(WEIGHTS), change);
        self.open().transformer(&Device::flex()).unwrap_err().to_string()
    }

    /// What is said of the text encoder after its index was changed.
    fn text_encoder_with_index(&self, from: &str, to: &str) -> String {
        let path = self.path(INDEX);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from));
        fs::write(&path, text.replace(from, to)).unwrap();
        self.open().text_encoder(&Device::flex()).unwrap_err().to_string()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let message = Copy::new().transformer_with(|tensors| drop(tensors.remove("blocks.1.attn2.to_k.bias")));
    says(&message, &["transformer", "blocks.1.attn2.to_k.bias is missing"]);
    let message = Copy::new().transformer_with(|tensors| {
        let tensor = tensors["proj_out.bias"].clone();
        tensors.insert("blocks.7.new".into(), tensor);
    });
    says(&message, &["blocks.7.new is left over"]);
    let message = Copy::new().transformer_with(|tensors| tensors.get_mut("proj_out.bias").unwrap().1 = vec![4, 4]);
    says(&message, &["proj_out.bias has shape [4, 4], not [16]"]);
    let message = Copy::new().transformer_with(|tensors| {
        let (dtype, shape, _) = tensors.get_mut("proj_out.bias").unwrap();
        (*dtype, *shape) = (Dtype::I16, vec![16]);
    });
    says(&message, &["proj_out.bias is stored as I16; F32, F16 and BF16 are read"]);
    let message = Copy::new().transformer_with(|tensors| {
        // Not a number, in bfloat16.
        tensors.get_mut("proj_out.bias").unwrap().2[..2].copy_from_slice(&[0xc0, 0x7f]);
    });
    says(&message, &["proj_out.bias holds a number that is not finite"]);
    // Everything is wrong, and still it is one message.
    let message = Copy::new().transformer_with(BTreeMap::clear);
    says(&message, &["is missing", "more"]);
    assert!(message.len() < 1000, "{message}");
}

#[test]
fn the_half_of_the_autoencoder_that_is_not_read_is_checked_all_the_same() {
    let copy = Copy::new();
    rewrite(&copy.path("vae").join(WEIGHTS), |tensors| drop(tensors.remove("encoder.conv_out.weight")));
    let message = copy.open().decoder(&Device::flex()).unwrap_err().to_string();
    says(&message, &["autoencoder", "encoder.conv_out.weight is missing"]);
}

#[test]
fn files_that_are_cut_or_lie_are_named() {
    let copy = Copy::new();
    let path = copy.path("transformer").join(WEIGHTS);
    let whole = fs::read(&path).unwrap();
    let said = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        copy.open().transformer(&Device::flex()).unwrap_err().to_string()
    };
    for length in [0, 4, 100, whole.len() / 2, whole.len() - 1] {
        says(&said(&whole[..length]), &[WEIGHTS, "damaged"]);
    }
    says(&said(&whole[..whole.len() - 1]), &["it was cut short"]);
    // An offset past the end of the file: the last tensor ends where the data end.
    let end = whole.len() - 8 - u64::from_le_bytes(whole[..8].try_into().unwrap()) as usize;
    let text = String::from_utf8_lossy(&whole).into_owned();
    assert!(text.contains(&format!(",{end}]")));
    let mut lying = whole.clone();
    let place = whole.windows(end.to_string().len()).position(|window| window == end.to_string().as_bytes()).unwrap();
    lying[place] = b'9';
    says(&said(&lying), &[WEIGHTS, "damaged"]);
    // A header that claims to be as long as memory.
    let mut lying = whole;
    lying[..8].copy_from_slice(&u64::MAX.to_le_bytes());
    says(&said(&lying), &["damaged"]);
    fs::remove_file(&path).unwrap();
    says(&copy.open().transformer(&Device::flex()).unwrap_err().to_string(), &["transformer", "holds no weights"]);
}

#[test]
fn an_index_that_does_not_say_what_is_there_is_refused() {
    let shard = "model-00001-of-00003.safetensors";
    for outside in ["../model-00001-of-00003.safetensors", "/model.safetensors", "..", "sub/model.safetensors"] {
        let message = Copy::new().text_encoder_with_index(shard, outside);
        says(&message, &["index.json", "outside of its folder"]);
    }
    let message = Copy::new().text_encoder_with_index("model-00002-of-00003", "model-00009-of-00003");
    says(&message, &["lacks the shard model-00009-of-00003.safetensors"]);
    let message = Copy::new().text_encoder_with_index("\"shared.weight\"", "\"shared.other\"");
    says(&message, &["index.json", "shared"]);
    let message = Copy::new().text_encoder_with_index("weight_map", "weights");
    says(&message, &["index.json", "weight_map"]);
    let copy = Copy::new();
    fs::remove_file(copy.path("text_encoder").join(shard)).unwrap();
    says(&copy.open().text_encoder(&Device::flex()).unwrap_err().to_string(), &["lacks the shard", shard]);
}

#[test]
fn folders_of_other_models_are_named() {
    let copy = Copy::new();
    let said = |text: &str| {
        fs::write(copy.path("model_index.json"), text).unwrap();
        WanFolder::open(copy.0.path()).and_then(|folder| folder.transformer(&Device::flex())).unwrap_err().to_string()
    };
    says(&said(r#"{"_class_name": "FluxPipeline"}"#), &["FluxPipeline", "WanPipeline"]);
    says(&said(r#"{"_class_name": "WanDMDPipeline"}"#), &["has no transformer"]);
    says(&said(r#"{"_class_name": "WanPipeline"}"#), &["has no transformer"]);
    says(&said(r#"{"_class_name": "WanPipeline", "transformer": ["diffusers", "WanVACE"]}"#), &["WanVACE"]);
    let two = r#"{"_class_name": "WanPipeline", "transformer_2": ["diffusers", "WanTransformer3DModel"]}"#;
    says(&said(two), &["second transformer"]);
    says(&said("[]"), &["damaged"]);
    fs::remove_file(copy.path("model_index.json")).unwrap();
    says(&WanFolder::open(copy.0.path()).unwrap_err().to_string(), &["not a model folder", "model_index.json"]);
}

#[test]
fn schedulers_of_another_kind_are_named() {
    let copy = Copy::new();
    let said = |settings: &str| {
        let text = format!(r#"{{"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": true, {settings}}}"#);
        fs::write(copy.path("scheduler/scheduler_config.json"), text).unwrap();
        copy.open().scheduler().unwrap_err().to_string()
    };
    says(&said(r#""prediction_type": "epsilon""#), &["prediction_type", "flow_prediction"]);
    says(&said(r#""prediction_type": "flow_prediction", "solver_order": 3"#), &["solver_order 2"]);
    says(&said(r#""prediction_type": "flow_prediction", "flow_shift": 0"#), &["the shift is 0"]);
    says(&said(r#""_class_name": "DDIMScheduler""#), &["scheduler_config.json"]);
}

#[test]
fn a_tokenizer_that_does_not_fit_is_refused() {
    let copy = Copy::new();
    says(&copy.open().tokenizer(20).unwrap_err().to_string(), &["tokenizer.json", "knows 20 tokens"]);
    fs::write(copy.path("tokenizer/tokenizer.json"), "{}").unwrap();
    says(&copy.open().tokenizer(96).unwrap_err().to_string(), &["tokenizer.json", "not a tokenizer"]);
    let encoder = copy.open().text_encoder(&Device::flex()).unwrap();
    let error = encoder.forward(&TextInput { ids: &[3, 96], present: &[true; 2], length: 2 }).unwrap_err();
    says(&error.to_string(), &["below 96", "96; use the tokenizer"]);
}

#[test]
fn inputs_that_do_not_fit_are_named() {
    let (device, folder) = (Device::flex(), WanFolder::open(&model()).unwrap());
    let transformer = folder.transformer(&device).unwrap();
    let said = |latents: [usize; 5], timesteps: &[f32], text: [usize; 3]| {
        let input = TransformerInput {
            hidden_states: Tensor::zeros(latents, &device),
            timesteps,
            encoder_hidden_states: Tensor::zeros(text, &device),
            encoder_hidden_states_image: None,
        };
        transformer.forward(input).unwrap_err().to_string()
    };
    says(&said([1, 4, 1, 3, 4], &[1.0], [1, 2, 16]), &["hidden_states", "[1, 4, 1, 3, 4]"]);
    says(&said([1, 16, 1, 2, 2], &[1.0], [1, 2, 16]), &["hidden_states"]);
    says(&said([1, 4, 2000, 2, 2], &[1.0], [1, 2, 16]), &["1024 patches"]);
    says(&said([1, 4, 1, 2, 2], &[1.0, 2.0], [1, 2, 16]), &["timestep"]);
    says(&said([1, 4, 1, 2, 2], &[1.0], [1, 2, 15]), &["encoder_hidden_states"]);
    let pixels =
        |shape| folder.encoder(&device).unwrap().encode(Tensor::zeros(shape, &device)).unwrap_err().to_string();
    says(&pixels([1, 3, 4, 16, 16]), &["4·k + 1", "[1, 3, 4, 16, 16]"]);
    says(&pixels([1, 3, 5, 16, 12]), &["8 divides"]);
    let latents = folder.decoder(&device).unwrap().decode(Tensor::zeros([1, 5, 1, 2, 2], &device));
    says(&latents.unwrap_err().to_string(), &["latents", "[B, 4, T, H, W]"]);
    let file = TensorFile::open(&goldens().join("wan.safetensors")).unwrap();
    says(&file.floats::<5>("nothing", &device).unwrap_err().to_string(), &["nothing", "wan.safetensors"]);
    says(&file.floats::<4>("pipeline.noise", &device).unwrap_err().to_string(), &["4 axes"]);
    says(&file.floats::<2>("text.long.input_ids", &device).unwrap_err().to_string(), &["I64"]);
    says(&file.indices("pipeline.noise").unwrap_err().to_string(), &["F32"]);
    assert!(matches!(TensorFile::open(Path::new("nowhere")), Err(WanError::File { .. })));
}
