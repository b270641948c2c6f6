#!/usr/bin/env python3
"""Wan 2.1 in misora against diffusers: the same random weights, the same inputs, in turns.

Needs torch, diffusers, transformers, accelerate and safetensors, and misora built in release:

    cargo build --release
    python3 bench/peers/wan.py                      # tiny models: is it exact?
    python3 bench/peers/wan.py --size 1.3b          # the true shapes: is it fast? (minutes, 12 GB)
    python3 bench/peers/wan.py --precision int8     # misora in 8 bits, against diffusers in 32
    python3 bench/peers/wan.py --precision int8 --peer misora-f32

With --time processor, seconds are those that all processors together worked, which is what to look at on a machine
that others use too. Models and inputs are kept in --folder and used again. For each case the two programs run --rounds
times in turns; the table gives the median seconds and the most memory of each, the ratios, and the relative error of
what misora gives.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

# (part, latent frames, height, width, text tokens[, those of the prompt: the rest are zeros, as pipelines fill up])
CASES = {
    "tiny": [
        ("transformer", 3, 8, 12, 17),
        ("transformer", 3, 8, 12, 17, 5),
        ("vae-decode", 3, 4, 6, 0),
        ("vae-encode", 3, 4, 6, 0),
        ("text", 0, 0, 0, 96),
    ],
    "1.3b": [
        ("transformer", 5, 32, 32, 512),
        ("transformer", 5, 32, 32, 512, 21),
        ("vae-decode", 5, 32, 32, 0),
    ],
}
TRANSFORMER = {
    "tiny": dict(num_attention_heads=2, attention_head_dim=24, num_layers=3, ffn_dim=96, text_dim=40),
    "1.3b": dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, ffn_dim=8960, text_dim=4096),
}
VAE = {"tiny": dict(base_dim=6), "1.3b": dict(base_dim=96)}
TEXT = dict(vocab_size=320, d_model=40, d_kv=8, d_ff=72, num_layers=3, num_heads=4)
INDEX = {
    "_class_name": "WanPipeline",
    "transformer": ["diffusers", "WanTransformer3DModel"],
    "vae": ["diffusers", "AutoencoderKLWan"],
    "text_encoder": ["transformers", "UMT5EncoderModel"],
}


def make_model(folder, size):
    """Random weights in the layout of diffusers; what begins at zero is made random too, or it would hide mistakes."""
    if (folder / "model_index.json").exists():
        return
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from transformers import UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    transformer = WanTransformer3DModel(**TRANSFORMER[size])
    for weight in transformer.parameters():
        if weight.abs().max() == 0:
            torch.nn.init.normal_(weight, std=0.02)
    transformer.save_pretrained(folder / "transformer")
    AutoencoderKLWan(**VAE[size]).save_pretrained(folder / "vae")
    if size == "tiny":
        UMT5EncoderModel(UMT5Config(**TEXT, is_encoder_decoder=False)).save_pretrained(folder / "text_encoder")
    (folder / "model_index.json").write_text(json.dumps(INDEX, indent=1))


def make_input(path, size, case):
    part, frames, height, width, tokens, *prompt = case
    if path.exists():
        return
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    if part == "transformer":
        text_dim = TRANSFORMER[size]["text_dim"]
        tensors = {
            "hidden_states": torch.randn(1, 16, frames, height, width),
            "timestep": torch.full((1,), 500.0),
            "encoder_hidden_states": torch.randn(1, tokens, text_dim),
        }
        for length in prompt:
            tensors["encoder_hidden_states"][:, length:] = 0
    elif part == "vae-decode":
        tensors = {"latents": torch.randn(1, 16, frames, height, width)}
    elif part == "vae-encode":
        tensors = {"sample": torch.rand(1, 3, 4 * (frames - 1) + 1, 8 * height, 8 * width) * 2 - 1}
    else:
        mask = (torch.arange(tokens)[None] < tokens * 3 // 4).long()
        tensors = {"input_ids": torch.randint(1, TEXT["vocab_size"], (1, tokens)) * mask, "attention_mask": mask}
    save_file(tensors, path)


def run_diffusers(part, model, source, target, threads):
    """One run, in a process of its own."""
    import torch
    from diffusers import AutoencoderKLWan, WanTransformer3DModel
    from safetensors.torch import load_file, save_file
    from transformers import UMT5EncoderModel

    torch.set_num_threads(threads)
    t = load_file(source)
    if part == "transformer":
        m = WanTransformer3DModel.from_pretrained(model / "transformer").eval()
        call = lambda: {"sample": m(**t).sample}
    elif part == "vae-decode":
        m = AutoencoderKLWan.from_pretrained(model / "vae").eval()
        call = lambda: {"sample": m.decode(t["latents"]).sample}
    elif part == "vae-encode":
        m = AutoencoderKLWan.from_pretrained(model / "vae").eval()
        call = lambda: {"latents": m.encode(t["sample"]).latent_dist.mean}
    else:
        m = UMT5EncoderModel.from_pretrained(model / "text_encoder").eval()
        call = lambda: {"prompt_embeds": m(t["input_ids"], t["attention_mask"]).last_hidden_state}
    with torch.no_grad():
        start, start_processor = time.perf_counter(), time.process_time()
        out = call()
        seconds, processor = time.perf_counter() - start, time.process_time() - start_processor
    save_file({name: value.contiguous() for name, value in out.items()}, target)
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"seconds": [seconds], "processor_seconds": [processor], "peak_rss_bytes": peak}))


def said(command):
    """What a program prints. A shell stands between: a program counts the memory of whoever started it as its own."""
    command = ["sh", "-c", '"$@"; exit $?', "sh", *map(str, command)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command[4:])}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def in_turns(commands, rounds, clock):
    """The median seconds and the most memory of programs that run so many times in turns."""
    seconds, peaks = {name: [] for name in commands}, {name: 0 for name in commands}
    for round in range(rounds):
        # Whoever went first goes last in the next round.
        for name in sorted(commands, reverse=bool(round % 2)):
            result = said(commands[name])
            seconds[name] += result["processor_seconds" if clock == "processor" else "seconds"]
            peaks[name] = max(peaks[name], result["peak_rss_bytes"])
    return {name: statistics.median(values) for name, values in seconds.items()}, peaks


def relative_error(ours, theirs):
    from safetensors.torch import load_file

    ours, theirs = load_file(ours), load_file(theirs)
    assert ours.keys() == theirs.keys(), f"one gives {list(ours)}, the other {list(theirs)}"
    of = lambda name: (ours[name].double() - theirs[name].double()).norm() / theirs[name].double().norm()
    return max(of(name).item() for name in theirs)


def input_of(folder, size, case):
    """The file with the inputs of a case, which is made when it is not there."""
    path = folder / size / f"{'-'.join(map(str, case))}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    make_input(path, size, case)
    return path


def described(case):
    part, *sides = case
    prompt = f", {sides.pop()} of the prompt" if len(sides) > 4 else ""
    return f"{part} {'×'.join(str(side) for side in sides if side)}{prompt}"


def compare(options, case):
    part, threads = case[0], str(options.threads)
    folder = options.folder / options.size
    source = input_of(options.folder, options.size, case)
    targets = {name: folder / f"{part}.{name}.safetensors" for name in ("misora", options.peer)}
    model = folder / "model"
    precision = options.precision if part in ("transformer", "vae-decode") else "f32"
    programs = {
        "misora": [options.misora, "module", part, "--precision", precision],
        "misora-f32": [options.misora, "module", part],
        "diffusers": [sys.executable, __file__, "--run", part],
    }
    commands = {
        name: [*programs[name], "--model", model, "--input", source, "--output", target, "--threads", threads]
        for name, target in targets.items()
    }
    medians, peaks = in_turns(commands, options.rounds, options.time)
    error = relative_error(targets["misora"], targets[options.peer])
    print(
        f"| {described(case)} "
        f"| {medians['misora']:.3f} s | {medians[options.peer]:.3f} s "
        f"| {medians[options.peer] / medians['misora']:.2f} "
        f"| {peaks['misora'] / 1e9:.2f} GB | {peaks[options.peer] / 1e9:.2f} GB "
        f"| {peaks['misora'] / peaks[options.peer]:.2f} | {error:.1e} |",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=CASES, default="tiny")
    parser.add_argument("--part", help="only this part")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--precision", choices=("f32", "int8"), default="f32", help="of misora's transformer and decoder")
    parser.add_argument("--peer", choices=("diffusers", "misora-f32"), default="diffusers", help="what to hold against")
    parser.add_argument("--time", choices=("clock", "processor"), default="clock", help="which seconds")
    parser.add_argument("--folder", type=Path, default=Path("runs/peers"))
    parser.add_argument("--misora", type=Path, default=Path("target/release/misora"))
    for hidden in ("--run", "--model", "--input", "--output"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run_diffusers(options.run, Path(options.model), options.input, options.output, options.threads)
        return
    make_model(options.folder / options.size / "model", options.size)
    peer = options.peer
    print(f"| part, sides and tokens | misora | {peer} | times as fast | misora | {peer} | memory | error |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for case in CASES[options.size]:
        if options.part in (None, case[0]):
            compare(options, case)


if __name__ == "__main__":
    main()
