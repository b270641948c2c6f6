#!/usr/bin/env python3
"""Makes the goldens of crates/wan: a tiny Wan model with random weights, and what diffusers computes with it.

Needs torch, diffusers, transformers and safetensors; run from the repository's root:

    python3 scripts/goldens/wan.py

Weights are rounded to the type in which they are stored before anything is computed, so that the tests also cover files
of 16 bits; the text encoder is stored in shards. Norms and biases are random too: ones and zeros would hide a mistake.
"""

import json
import shutil
import sys
from pathlib import Path

# The scripts beside this one have the names of packages that diffusers looks for.
sys.path.pop(0)

import diffusers
import tokenizers
import torch
import transformers
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from safetensors.torch import save_file
from transformers import UMT5Config, UMT5EncoderModel

GOLDENS = Path("crates/wan/tests/goldens")
MODEL = GOLDENS / "model"
CHANNELS = 4
WIDTH = 24
TRANSFORMER = dict(
    num_attention_heads=2, attention_head_dim=12, in_channels=CHANNELS, out_channels=CHANNELS, text_dim=16,
    freq_dim=32, ffn_dim=40, num_layers=2,
)
IMAGE = dict(TRANSFORMER, in_channels=2 * CHANNELS + 4, num_layers=1, image_dim=10, added_kv_proj_dim=WIDTH)
VAE = dict(
    base_dim=2, z_dim=CHANNELS, num_res_blocks=1,
    latents_mean=[-0.7, 0.1, 0.4, -0.2], latents_std=[2.8, 1.4, 0.9, 1.9],
)
TEXT = dict(vocab_size=96, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=3)
PROMPTS = ["a red ball", "  salt &amp;amp; pepper\n on a  table ", "", "a " * 600]
tensors = {}


def make(module, seed):
    """A module made by `module()`, with norms and biases stirred."""
    torch.manual_seed(seed)
    module = module()
    for parameter in module.parameters():
        if parameter.numel() == max(parameter.shape) or parameter.abs().max() == 0:
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return module.eval()


def stored(module, folder, dtype, **options):
    """Saves a module, and gives it back as it is read in single precision: weights rounded, buffers not."""
    kind = type(module)
    fresh = kind.from_config(module.config) if hasattr(kind, "from_config") else kind(module.config)
    module.to(dtype).save_pretrained(folder, **options)
    fresh.load_state_dict({name: value.float() for name, value in module.state_dict().items()})
    return fresh.eval()


def transformers_(model, image):
    for name, batch, sides, tokens, timesteps in [
        ("small", 1, (1, 2, 4), 3, [999.0]),
        ("batch", 2, (3, 4, 6), 17, [500.0, 3.0]),
    ]:
        inputs = {
            "hidden_states": torch.randn(batch, CHANNELS, *sides),
            "timestep": torch.tensor(timesteps),
            "encoder_hidden_states": torch.randn(batch, tokens, TEXT["d_model"]),
        }
        tensors.update({f"transformer.{name}.{key}": value for key, value in inputs.items()})
        tensors[f"transformer.{name}.sample"] = model(**inputs).sample
    inputs = {
        "hidden_states": torch.randn(1, IMAGE["in_channels"], 2, 4, 4),
        "timestep": torch.tensor([700.0]),
        # The number of text tokens that diffusers takes for granted where there is an image.
        "encoder_hidden_states": torch.cat([torch.randn(1, 8, 16), torch.zeros(1, 504, 16)], 1),
        "encoder_hidden_states_image": torch.randn(1, 5, IMAGE["image_dim"]),
    }
    tensors["transformer.image.sample"] = image(**inputs).sample
    inputs["encoder_hidden_states"] = inputs["encoder_hidden_states"][:, :8]
    tensors.update({f"transformer.image.{key}": value for key, value in inputs.items()})


def autoencoder(model):
    for name, shape in [("still", (2, CHANNELS, 1, 2, 2)), ("clip", (1, CHANNELS, 4, 1, 2))]:
        latents = torch.randn(shape) * 0.5
        sample = model.decode(latents).sample
        assert sample.abs().max() < 1, "clamped pixels hide mistakes"
        tensors[f"vae.{name}.latents"] = latents
        tensors[f"vae.{name}.sample"] = sample
        # The picture is the input of the way back, so that it is stored once.
        tensors[f"vae.{name}.mean"] = model.encode(sample).latent_dist.mean


def text(model):
    for name, lengths, padded in [("long", [90], 96), ("batch", [7, 3], 7)]:
        mask = (torch.arange(padded)[None] < torch.tensor(lengths)[:, None]).long()
        ids = torch.randint(1, TEXT["vocab_size"], mask.shape) * mask
        tensors[f"text.{name}.input_ids"] = ids
        tensors[f"text.{name}.attention_mask"] = mask
        tensors[f"text.{name}.prompt_embeds"] = model(ids, mask).last_hidden_state


def tokenizer():
    pieces = ["<pad>", "</s>", "<unk>", "\u2581", "\u2581a", "\u2581red", "\u2581ball", "\u2581salt", "\u2581pepper"]
    pieces += ["\u2581on", "\u2581table", "&"] + [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
    inner = tokenizers.Tokenizer(
        tokenizers.models.Unigram([(piece, -float(rank)) for rank, piece in enumerate(pieces)], unk_id=2)
    )
    inner.normalizer = tokenizers.normalizers.NFKC()
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    inner.post_processor = tokenizers.processors.TemplateProcessing("$A </s>", special_tokens=[("</s>", 1)])
    (MODEL / "tokenizer").mkdir()
    inner.save(str(MODEL / "tokenizer" / "tokenizer.json"), pretty=False)
    inner.enable_truncation(512)
    for index, prompt in enumerate(PROMPTS):
        ids = inner.encode(prompt_clean(prompt)).ids
        tensors[f"tokenizer.{index}.ids"] = torch.tensor([ids])


def schedulers():
    for steps in (1, 2, 4, 50):
        for name, scheduler in [
            ("unipc", UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)),
            ("euler", FlowMatchEulerDiscreteScheduler(shift=5.0)),
        ]:
            scheduler.set_timesteps(steps)
            tensors[f"scheduler.{name}.{steps}.sigmas"] = scheduler.sigmas
            tensors[f"scheduler.{name}.{steps}.timesteps"] = scheduler.timesteps.float()


def pipeline(transformer, vae):
    scheduler = UniPCMultistepScheduler.from_pretrained(MODEL / "scheduler")
    pipe = WanPipeline(tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.randn(1, CHANNELS, 2, 4, 4)
    # As of a prompt of 5 tokens and a negative one of 2: what follows is zeros.
    prompt, negative = torch.zeros(1, 512, 16), torch.zeros(1, 512, 16)
    prompt[:, :5], negative[:, :2] = torch.randn(5, 16), torch.randn(2, 16)
    latents = pipe(
        prompt_embeds=prompt, negative_prompt_embeds=negative, latents=noise.clone(), num_inference_steps=4,
        guidance_scale=5.0, height=32, width=32, num_frames=5, output_type="latent",
    ).frames
    tensors["pipeline.noise"] = noise
    tensors["pipeline.prompt_embeds"] = prompt[:, :5]
    tensors["pipeline.negative_prompt_embeds"] = negative[:, :2]
    tensors["pipeline.latents"] = latents


def main():
    torch.set_grad_enabled(False)
    shutil.rmtree(GOLDENS, ignore_errors=True)
    MODEL.mkdir(parents=True)
    transformer = stored(make(lambda: WanTransformer3DModel(**TRANSFORMER), 1), MODEL / "transformer", torch.bfloat16)
    image = stored(make(lambda: WanTransformer3DModel(**IMAGE), 2), GOLDENS / "image_transformer", torch.bfloat16)
    vae = make(lambda: AutoencoderKLWan(**VAE), 3)
    # So that no pixel is clamped.
    vae.decoder.conv_out.weight.mul_(0.3)
    vae = stored(vae, MODEL / "vae", torch.float16)
    config = UMT5Config(**TEXT, is_encoder_decoder=False)
    encoder = make(lambda: UMT5EncoderModel(config), 4)
    encoder = stored(encoder, MODEL / "text_encoder", torch.float32, max_shard_size="8KB")
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    scheduler.save_pretrained(MODEL / "scheduler")
    index = {
        "_class_name": "WanPipeline",
        "_diffusers_version": diffusers.__version__,
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLWan"],
    }
    (MODEL / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")
    torch.manual_seed(5)
    transformers_(transformer, image)
    autoencoder(vae)
    text(encoder)
    tokenizer()
    schedulers()
    pipeline(transformer, vae)
    metadata = {
        "tolerance": "1e-4",
        "measure": "norm of the difference over the norm of the reference",
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, GOLDENS / "wan.safetensors", metadata)
    for path in sorted(GOLDENS.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path}")


main()
