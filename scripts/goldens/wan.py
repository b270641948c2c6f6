#!/usr/bin/env python3
"""Makes the goldens of crates/wan: tiny Wan models with random weights, and what diffusers computes with them.

Needs torch, diffusers, transformers, peft and safetensors; run from the repository's root:

    python3 scripts/goldens/wan.py

Weights are rounded to the type in which they are stored before anything is computed, so that the tests also cover files
of 16 bits; the text encoder is stored in shards. Norms and biases are random too: ones and zeros would hide a mistake.
"""

import copy
import importlib.util
import json
import shutil
import struct
import sys
from pathlib import Path

# The scripts beside this one have the names of packages that diffusers looks for.
sys.path.pop(0)

import diffusers
import numpy as np
import peft
import tokenizers
import torch
import transformers
from diffusers import (
    AutoencoderKLWan,
    FlowMatchEulerDiscreteScheduler,
    UniPCMultistepScheduler,
    WanImageToVideoPipeline,
    WanPipeline,
    WanTransformer3DModel,
)
from diffusers.pipelines.wan.pipeline_wan import prompt_clean
from PIL import Image
from safetensors.torch import save_file
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    UMT5Config,
    UMT5EncoderModel,
)

GOLDENS = Path("crates/wan/tests/goldens")
MODEL = GOLDENS / "model"
CHANNELS = 4
WIDTH = 24
LORA = GOLDENS / "lora"
TRANSFORMER = dict(
    num_attention_heads=2, attention_head_dim=12, in_channels=CHANNELS, out_channels=CHANNELS, text_dim=16,
    freq_dim=32, ffn_dim=40, num_layers=2,
)
IMAGE = dict(TRANSFORMER, in_channels=2 * CHANNELS + 4, num_layers=1, image_dim=10, added_kv_proj_dim=WIDTH)
VAE = dict(
    base_dim=2, z_dim=CHANNELS, num_res_blocks=1,
    latents_mean=[-0.7, 0.1, 0.4, -0.2], latents_std=[2.8, 1.4, 0.9, 1.9],
)
TI2V = GOLDENS / "ti2v"
# As Wan2.2-TI2V-5B is to Wan 2.1: pixels in patches, levels with a way around them, and more channels.
RESIDUAL_VAE = dict(
    base_dim=2, decoder_base_dim=3, z_dim=6, num_res_blocks=1, is_residual=True, patch_size=2, in_channels=12,
    out_channels=12, scale_factor_spatial=16,
    latents_mean=[-0.7, 0.1, 0.4, -0.2, 0.3, 0.0], latents_std=[2.8, 1.4, 0.9, 1.9, 0.6, 1.1],
)
I2V = GOLDENS / "i2v"
CLIP = dict(
    hidden_size=IMAGE["image_dim"], intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=8,
    patch_size=4, projection_dim=6, hidden_act="gelu",
)
TI2V_TRANSFORMER = dict(TRANSFORMER, in_channels=6, out_channels=6)
TEXT = dict(vocab_size=96, d_model=16, d_kv=4, d_ff=24, num_layers=2, num_heads=3)
PROMPTS = ["a red ball", "  salt &amp;amp; pepper\n on a  table ", "", "a " * 600]
tensors = {}
# What belongs to the models beside the first, by file.
more = {"ti2v": {}, "dmd": {}, "i2v": {}}


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


def residual_autoencoder(model):
    for name, shape in [
        ("still", (2, 6, 1, 2, 1)),
        ("frames5", (1, 6, 2, 1, 2)),
        ("frames9", (1, 6, 3, 2, 1)),
        ("frames17", (1, 6, 5, 1, 1)),
    ]:
        latents = torch.randn(shape) * 0.5
        sample = model.decode(latents).sample
        assert sample.abs().max() < 1, "clamped pixels hide mistakes"
        found = {"latents": latents, "sample": sample, "mean": model.encode(sample).latent_dist.mean}
        more["ti2v"].update({f"vae.{name}.{key}": value for key, value in found.items()})


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


def prompts():
    """As of a prompt of 5 tokens and a negative one of 2: what follows is zeros."""
    prompt, negative = torch.zeros(1, 512, 16), torch.zeros(1, 512, 16)
    prompt[:, :5], negative[:, :2] = torch.randn(5, 16), torch.randn(2, 16)
    return prompt, negative


def pipeline(transformer, vae):
    scheduler = UniPCMultistepScheduler.from_pretrained(MODEL / "scheduler")
    pipe = WanPipeline(tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer)
    pipe.set_progress_bar_config(disable=True)
    noise = torch.randn(1, CHANNELS, 2, 4, 4)
    prompt, negative = prompts()
    latents = pipe(
        prompt_embeds=prompt, negative_prompt_embeds=negative, latents=noise.clone(), num_inference_steps=4,
        guidance_scale=5.0, height=32, width=32, num_frames=5, output_type="latent",
    ).frames
    tensors["pipeline.noise"] = noise
    tensors["pipeline.prompt_embeds"] = prompt[:, :5]
    tensors["pipeline.negative_prompt_embeds"] = negative[:, :2]
    tensors["pipeline.latents"] = latents


def thin(sides, rank, dtype):
    """The two matrices of a LoRA for a layer of these outputs and inputs, the latter with a kernel."""
    outputs, *inputs = sides
    ones = [1] * (len(inputs) - 1)
    return [(torch.randn(sides) * 0.4).to(dtype) for sides in ([rank, *inputs], [outputs, rank, *ones])]


def lora_of_diffusers(path):
    """As PEFT writes it, with alpha for all layers in the header."""
    layers = {
        "patch_embedding": [WIDTH, CHANNELS, 1, 2, 2],
        "condition_embedder.time_proj": [6 * WIDTH, WIDTH],
        "condition_embedder.text_embedder.linear_1": [WIDTH, 16],
        "blocks.0.attn1.to_q": [WIDTH, WIDTH],
        "blocks.0.attn1.to_out.0": [WIDTH, WIDTH],
        "blocks.0.ffn.net.0.proj": [40, WIDTH],
        "blocks.1.attn2.to_v": [WIDTH, WIDTH],
        "blocks.1.ffn.net.2": [WIDTH, 40],
        "proj_out": [4 * CHANNELS, WIDTH],
    }
    found = {}
    for layer, sides in layers.items():
        down, up = thin(sides, 2, torch.float32)
        found |= {f"transformer.{layer}.lora_A.weight": down, f"transformer.{layer}.lora_B.weight": up}
    notes = {"r": 2, "lora_alpha": 3, "target_modules": list(layers)}
    notes = json.dumps({f"transformer.{name}": value for name, value in notes.items()})
    save_file(found, path, {"format": "pt", "lora_adapter_metadata": notes})


def lora_of_comfy(path):
    """As ComfyUI has them: the Wan team's names, ranks and alphas of each layer, and differences of biases."""
    layers = {
        "blocks.0.self_attn.q": (WIDTH, WIDTH, 1, 0.5),
        "blocks.0.cross_attn.o": (WIDTH, WIDTH, 3, 3.0),
        "blocks.0.ffn.0": (40, WIDTH, 2, 1.0),
        "blocks.1.self_attn.v": (WIDTH, WIDTH, 2, 4.0),
        "blocks.1.cross_attn.k": (WIDTH, WIDTH, 2, 2.0),
        "blocks.1.ffn.2": (WIDTH, 40, 2, 1.0),
        "head.head": (4 * CHANNELS, WIDTH, 2, None),
    }
    found = {}
    for layer, (outputs, inputs, rank, alpha) in layers.items():
        name = f"diffusion_model.{layer}"
        down, up = thin([outputs, inputs], rank, torch.bfloat16)
        found |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
        found[f"{name}.diff_b"] = (torch.randn(outputs) * 0.3).bfloat16()
        if alpha is not None:
            found[f"{name}.alpha"] = torch.tensor(alpha).bfloat16()
    save_file(found, path)


def lora_of_kohya(path):
    """As kohya's trainers write it: every layer of every block, with underscores for dots."""
    attentions = [f"{kind}_attn_{layer}" for kind in ("self", "cross") for layer in "qkvo"]
    layers = {name: (WIDTH, WIDTH) for name in attentions} | {"ffn_0": (40, WIDTH), "ffn_2": (WIDTH, 40)}
    found = {}
    for block in range(TRANSFORMER["num_layers"]):
        for layer, sides in layers.items():
            name = f"lora_unet_blocks_{block}_{layer}"
            down, up = thin(sides, 1, torch.float16)
            found |= {f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}
            found[f"{name}.alpha"] = torch.tensor(0.5).half()
    save_file(found, path)


def lora_of_differences(path, transformer, scale):
    """Whole differences, which diffusers does not take for norms: they are added here."""
    found = {}
    weights = transformer.state_dict()
    for ours, theirs in {
        "blocks.0.norm3.diff": "blocks.0.norm2.weight",
        "blocks.0.norm3.diff_b": "blocks.0.norm2.bias",
        "blocks.1.self_attn.norm_q.diff": "blocks.1.attn1.norm_q.weight",
        "blocks.1.self_attn.q.diff_b": "blocks.1.attn1.to_q.bias",
        "blocks.1.modulation.diff": "blocks.1.scale_shift_table",
        "head.head.diff": "proj_out.weight",
    }.items():
        difference = torch.randn_like(weights[theirs]) * 0.3
        found[f"diffusion_model.{ours}"] = difference
        weights[theirs] = weights[theirs] + scale * difference
    save_file(found, path)
    changed = copy.deepcopy(transformer)
    changed.load_state_dict(weights)
    return changed


def loras(transformer):
    LORA.mkdir()
    torch.manual_seed(6)
    lora_of_diffusers(LORA / "diffusers.safetensors")
    lora_of_comfy(LORA / "comfy.safetensors")
    lora_of_kohya(LORA / "kohya.safetensors")
    changed = lora_of_differences(LORA / "differences.safetensors", transformer, 0.5)
    inputs = {key: tensors[f"transformer.small.{key}"] for key in ("hidden_states", "timestep", "encoder_hidden_states")}
    tensors["lora.differences.sample"] = changed(**inputs).sample
    for name, scales in {
        "diffusers": {"diffusers": 1.0},
        "comfy": {"comfy": -0.75},
        "kohya": {"kohya": 1.5},
        "two": {"diffusers": 0.5, "kohya": -0.5},
    }.items():
        parts = dict(tokenizer=None, text_encoder=None, vae=None, scheduler=None)
        pipe = WanPipeline(**parts, transformer=copy.deepcopy(transformer))
        for file in scales:
            pipe.load_lora_weights(LORA, weight_name=f"{file}.safetensors", adapter_name=file)
        pipe.set_adapters(list(scales), list(scales.values()))
        tensors[f"lora.{name}.sample"] = pipe.transformer(**inputs).sample


def picture():
    """Noise under a gradient, in no size that anything wants."""
    generator = np.random.default_rng(31)
    rows, columns = np.mgrid[0:40, 0:60]
    values = np.stack([rows * 6, columns * 4, 255 - rows * 3 - columns * 2], 2) + generator.normal(0, 30, (40, 60, 3))
    return Image.fromarray(values.clip(0, 255).astype(np.uint8))


def image_pipeline(found, prefix, inputs, pipe):
    """What a pipeline makes of the picture, at this size and with these prompts."""
    pipe.set_progress_bar_config(disable=True)
    (prompt, negative), noise = prompts(), inputs.pop("latents")
    found |= {f"{prefix}noise": noise, f"{prefix}prompt_embeds": prompt[:, :5]}
    found[f"{prefix}negative_prompt_embeds"] = negative[:, :2]
    found[f"{prefix}latents"] = pipe(
        image=picture(), prompt_embeds=prompt, negative_prompt_embeds=negative, latents=noise.clone(),
        num_inference_steps=4, guidance_scale=5.0, output_type="latent", **inputs,
    ).frames


def i2v(transformer, vae):
    """A model like Wan2.1-I2V, whose other parts are those of the first model."""
    I2V.mkdir()
    encoder = make(lambda: CLIPVisionModelWithProjection(CLIPVisionConfig(**CLIP)), 32)
    encoder = stored(encoder, I2V / "image_encoder", torch.float16)
    processor = CLIPImageProcessorPil(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    processor.save_pretrained(I2V / "image_processor")
    parts = {
        "image_encoder": ["transformers", "CLIPVisionModelWithProjection"],
        "image_processor": ["transformers", "CLIPImageProcessor"],
    }
    save_index(I2V, "WanImageToVideoPipeline", boundary_ratio=None, expand_timesteps=False, **parts)
    torch.manual_seed(33)
    found = more["i2v"]
    pixels = torch.randn(2, 3, 8, 8)
    found |= {"clip.pixel_values": pixels, "clip.embeds": encoder(pixels, output_hidden_states=True).hidden_states[-2]}
    numbers = lambda image: torch.from_numpy(np.array(image).reshape(-1, 3).astype(np.int32))
    found |= {"picture": numbers(picture()), "lanczos": numbers(picture().resize((48, 32), Image.Resampling.LANCZOS))}
    found["bicubic"] = numbers(picture().resize((30, 50), Image.Resampling.BICUBIC))
    found["processed"] = processor(images=picture(), return_tensors="pt").pixel_values[0]
    scheduler = UniPCMultistepScheduler.from_pretrained(MODEL / "scheduler")
    parts = dict(tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer)
    pipe = WanImageToVideoPipeline(**parts, image_encoder=encoder, image_processor=processor)
    size = dict(height=32, width=48, num_frames=9, latents=torch.randn(1, CHANNELS, 3, 4, 6))
    image_pipeline(found, "pipeline.", size, pipe)


def save_index(folder, index, **settings):
    index = {"_class_name": index, "_diffusers_version": diffusers.__version__, **settings}
    index |= {
        "scheduler": ["diffusers", "UniPCMultistepScheduler"],
        "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"],
        "transformer": ["diffusers", "WanTransformer3DModel"],
        "vae": ["diffusers", "AutoencoderKLWan"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=1) + "\n")


def ti2v():
    """A model like Wan2.2-TI2V-5B, whose text encoder and tokenizer are those of the first model."""
    TI2V.mkdir()
    vae = make(lambda: AutoencoderKLWan(**RESIDUAL_VAE), 11)
    vae.decoder.conv_out.weight.mul_(0.3)
    vae = stored(vae, TI2V / "vae", torch.float16)
    save_index(TI2V, "WanPipeline", boundary_ratio=None, expand_timesteps=True, transformer_2=[None, None])
    transformer = make(lambda: WanTransformer3DModel(**TI2V_TRANSFORMER), 13)
    transformer = stored(transformer, TI2V / "transformer", torch.bfloat16)
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=5.0)
    scheduler.save_pretrained(TI2V / "scheduler")
    torch.manual_seed(12)
    residual_autoencoder(vae)
    found = more["ti2v"]
    inputs = {
        "hidden_states": torch.randn(2, 6, 2, 4, 6),
        "timestep": torch.tensor([[0.0] * 6 + [937.0] * 6, [1.0, 2.0, 3.0, 400.0, 500.0, 600.0] * 2]),
        "encoder_hidden_states": torch.randn(2, 3, TEXT["d_model"]),
    }
    found.update({f"transformer.tokens.{key}": value for key, value in inputs.items()})
    found["transformer.tokens.sample"] = transformer(**inputs).sample
    parts = dict(tokenizer=None, text_encoder=None, vae=vae, scheduler=scheduler, transformer=transformer)
    pipe = WanPipeline(**parts, expand_timesteps=True)
    pipe.set_progress_bar_config(disable=True)
    noise, (prompt, negative) = torch.randn(1, 6, 2, 4, 6), prompts()
    latents = pipe(
        prompt_embeds=prompt, negative_prompt_embeds=negative, latents=noise.clone(), num_inference_steps=4,
        guidance_scale=5.0, height=64, width=96, num_frames=5, output_type="latent",
    ).frames
    found |= {"pipeline.noise": noise, "pipeline.latents": latents}
    found |= {"pipeline.prompt_embeds": prompt[:, :5], "pipeline.negative_prompt_embeds": negative[:, :2]}
    torch.manual_seed(14)
    pipe = WanImageToVideoPipeline(**parts, image_encoder=None, image_processor=None, expand_timesteps=True)
    size = dict(height=64, width=96, num_frames=9, latents=torch.randn(1, 6, 3, 4, 6))
    image_pipeline(found, "image.", size, pipe)


def dmd(transformer, seed):
    """Three steps as FastVideo takes them with what it distilled: WanDMDPipeline, which diffusers does not have.

    Its stage looks the level of each timestep up in this scheduler, takes the data that the velocity points to, and noises
    them anew; here with the noise that crates/diffusion draws.
    """
    path = Path(__file__).with_name("diffusers_schedulers.py")
    spec = importlib.util.spec_from_file_location("diffusers_schedulers", path)
    schedulers = importlib.util.module_from_spec(spec)
    sys.path.insert(0, "")
    spec.loader.exec_module(schedulers)

    def fresh_noise(level, shape):
        first = struct.unpack("<I", struct.pack("<f", level))[0] << 32
        _, channels, frames, height, width = shape
        noise = [schedulers.gaussians(seed, first + frame, channels * height * width) for frame in range(frames)]
        noise = np.array(noise).reshape(1, frames, channels, height, width).swapaxes(1, 2)
        return torch.from_numpy(noise.astype(np.float32))

    torch.manual_seed(21)
    table = FlowMatchEulerDiscreteScheduler(shift=8.0)
    place = lambda timestep: (table.timesteps - timestep).abs().argmin().item()
    level = lambda timestep: table.sigmas[place(timestep)].item()

    def exact_level(timestep):
        """The same without the rounding of each step to 32 bits, which names the noise."""
        level = 1 - place(timestep) / 1000
        return 8 * level / (1 + 7 * level)

    noise, (prompt, _) = torch.randn(1, CHANNELS, 2, 4, 6), prompts()
    x, timesteps = noise.clone(), [1000, 757, 522]
    for timestep, following in zip(timesteps, [*timesteps[1:], None]):
        velocity = transformer(x, torch.tensor([float(timestep)]), prompt).sample
        x = x - level(timestep) * velocity
        if following:
            x = (1 - level(following)) * x + level(following) * fresh_noise(exact_level(following), x.shape)
    more["dmd"] |= {"noise": noise, "prompt_embeds": prompt[:, :5], "latents": x}
    more["dmd"]["sigmas"] = torch.tensor([level(timestep) for timestep in timesteps])


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
    save_index(MODEL, "WanPipeline")
    torch.manual_seed(5)
    transformers_(transformer, image)
    autoencoder(vae)
    text(encoder)
    tokenizer()
    schedulers()
    pipeline(transformer, vae)
    loras(transformer)
    ti2v()
    dmd(transformer, seed=7)
    i2v(image, vae)
    metadata = {
        "tolerance": "1e-4",
        "measure": "norm of the difference over the norm of the reference",
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "peft": peft.__version__,
        "transformers": transformers.__version__,
        "tokenizers": tokenizers.__version__,
    }
    for file, found in {"wan": tensors, **more}.items():
        found = {name: value.contiguous() for name, value in found.items()}
        save_file(found, GOLDENS / f"{file}.safetensors", metadata)
    for path in sorted(GOLDENS.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path}")


main()
