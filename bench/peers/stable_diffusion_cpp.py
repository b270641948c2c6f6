#!/usr/bin/env python3
"""Wan 2.1 in misora against stable-diffusion.cpp: the same random weights, the same inputs, in turns.

Needs what wan.py needs, cmake and a C++ compiler, misora built in release, and the sources of stable-diffusion.cpp,
which its package for Python carries:

    cargo build --release
    pip download --no-deps --no-binary stable-diffusion-cpp-python stable-diffusion-cpp-python==0.4.7
    tar xzf stable_diffusion_cpp_python-0.4.7.tar.gz
    python3 bench/peers/stable_diffusion_cpp.py --sources stable_diffusion_cpp_python-0.4.7/vendor/stable-diffusion.cpp

A small program, in the folder beside this file, calls the library's own loader and model with given tensors. It is
built once, in --folder, where the models and inputs of wan.py are kept too. The library knows the sizes of published
models only, so that there is no tiny case: 7 GB of disk, 9 GB of memory, and on two cores half an hour.

Each type of weights of its transformer runs against the nearest precision of misora's: 8 bits against int8, wider ones
against f32. Its autoencoder has no types: the weights of its convolutions are always f16. The programs run --rounds
times in turns, each --repeat passes; the table gives the median seconds of a pass and the most memory of each, the
ratios, and the relative error of what both give against diffusers in f32.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import wan

SIZE = "1.3b"
DRIVER = Path(__file__).parent / "stable_diffusion_cpp"
# What diffusers calls the layers, and what the Wan team does.
TRANSFORMER_NAMES = [
    (r"^condition_embedder\.time_embedder\.linear_1\b", "time_embedding.0"),
    (r"^condition_embedder\.time_embedder\.linear_2\b", "time_embedding.2"),
    (r"^condition_embedder\.time_proj\b", "time_projection.1"),
    (r"^condition_embedder\.text_embedder\.linear_1\b", "text_embedding.0"),
    (r"^condition_embedder\.text_embedder\.linear_2\b", "text_embedding.2"),
    (r"^scale_shift_table$", "head.modulation"),
    (r"^proj_out\b", "head.head"),
    (r"\bscale_shift_table$", "modulation"),
    (r"\battn1\b", "self_attn"),
    (r"\battn2\b", "cross_attn"),
    (r"\bto_([qkv])\b", r"\1"),
    (r"\bto_out\.0\b", "o"),
    (r"\.norm2\b", ".norm3"),
    (r"\bffn\.net\.0\.proj\b", "ffn.0"),
    (r"\bffn\.net\.2\b", "ffn.2"),
]
DECODER_NAMES = [
    (r"^post_quant_conv\b", "conv2"),
    (r"\bconv_in\b", "conv1"),
    (r"\bnorm_out\b", "head.0"),
    (r"\bconv_out\b", "head.2"),
    (r"\bmid_block\.attentions\.0\b", "middle.1"),
    (r"\bmid_block\.resnets\.0\b", "middle.0"),
    (r"\bmid_block\.resnets\.1\b", "middle.2"),
    # The layers of all levels are counted in one row: three blocks, and what doubles the sides.
    (r"\bup_blocks\.(\d)\.resnets\.(\d)\b", lambda found: f"upsamples.{4 * int(found[1]) + int(found[2])}"),
    (r"\bup_blocks\.(\d)\.upsamplers\.0\b", lambda found: f"upsamples.{4 * int(found[1]) + 3}"),
    (r"(middle\.\d|upsamples\.\d+)\.norm1\b", r"\1.residual.0"),
    (r"(middle\.\d|upsamples\.\d+)\.conv1\b", r"\1.residual.2"),
    (r"(middle\.\d|upsamples\.\d+)\.norm2\b", r"\1.residual.3"),
    (r"(middle\.\d|upsamples\.\d+)\.conv2\b", r"\1.residual.6"),
    (r"\bconv_shortcut\b", "shortcut"),
]


def official_name(part, name):
    """What the Wan team calls a tensor; nothing where the part does not need it."""
    if part == "vae-decode" and not name.startswith(("decoder.", "post_quant_conv.")):
        return None
    for pattern, replacement in TRANSFORMER_NAMES if part == "transformer" else DECODER_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def build(sources, folder, jobs):
    """The program that runs one part of stable-diffusion.cpp; the first time takes some minutes."""
    if not (sources / "src" / "wan.hpp").exists():
        sys.exit(f"no stable-diffusion.cpp in {sources}: fetch its sources as --help says, and name their folder")
    if shutil.which("cmake") is None:
        sys.exit("cmake is not there: install it, for example with pip install cmake")
    flags = ["-DCMAKE_BUILD_TYPE=Release", "-DSD_WEBP=OFF", "-DSD_WEBM=OFF", f"-DSOURCES={sources.resolve()}"]
    module = folder / "module"
    if not module.exists():
        print("building stable-diffusion.cpp, which takes some minutes", file=sys.stderr)
    for command in (
        ["cmake", "-S", DRIVER, "-B", folder, *flags],
        ["cmake", "--build", folder, "--target", "module", "--parallel", str(jobs)],
    ):
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}")
    return module


def write_names(part, weights, path):
    """The pairs of names of the tensors that a part needs. A safetensors file begins with what it holds, as JSON."""
    with open(weights, "rb") as file:
        names = json.loads(file.read(int.from_bytes(file.read(8), "little"))).keys() - {"__metadata__"}
    pairs = ((name, official_name(part, name)) for name in sorted(names))
    path.write_text("".join(f"{name} {official}\n" for name, official in pairs if official))


def judge(part, model, source, target, threads):
    """What diffusers gives, from an earlier run or made now."""
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        flags = ["--model", model, "--input", source, "--output", target, "--threads", threads]
        wan.said([sys.executable, wan.__file__, "--run", part, *flags])
    return target


def compare(options, module, case):
    part, folder = case[0], options.folder / SIZE
    model, source = folder / "model", wan.input_of(options.folder, SIZE, case)
    truth = judge(part, model, source, folder / f"{part}.diffusers.safetensors", options.threads)
    weights = model / part.split("-")[0] / "diffusion_pytorch_model.safetensors"
    names = folder / f"{part}.names.txt"
    write_names(part, weights, names)

    types = options.types if part == "transformer" else ["f16"]
    precision_beside = {kind: "int8" if kind.startswith("q") else "f32" for kind in types}
    programs = {
        precision: [options.misora, "module", part, "--precision", precision, "--model", model]
        for precision in sorted(set(precision_beside.values()))
    }
    of_peer = [module, "--part", part, "--weights", weights, "--names", names, "--attention", options.attention]
    programs |= {f"cpp-{kind}": [*of_peer, "--type", kind] for kind in types}
    targets = {name: folder / f"{part}.{name}.safetensors" for name in programs}
    shared = ["--input", source, "--threads", options.threads, "--repeat", options.repeat, "--output"]
    commands = {name: [*program, *shared, targets[name]] for name, program in programs.items()}
    medians, peaks = wan.in_turns(commands, options.rounds, options.time)
    errors = {name: wan.relative_error(target, truth) for name, target in targets.items()}
    for kind, precision in precision_beside.items():
        ours, theirs = precision, f"cpp-{kind}"
        print(
            f"| {wan.described(case)} | {precision}, {kind} "
            f"| {medians[ours]:.3f} s | {medians[theirs]:.3f} s | {medians[theirs] / medians[ours]:.2f} "
            f"| {peaks[ours] / 1e9:.2f} GB | {peaks[theirs] / 1e9:.2f} GB | {peaks[ours] / peaks[theirs]:.2f} "
            f"| {errors[ours]:.1e} | {errors[theirs]:.1e} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=Path, required=True, help="the folder of stable-diffusion.cpp")
    parser.add_argument("--part", choices=("transformer", "vae-decode"), help="only this part")
    parser.add_argument("--types", nargs="+", default=["f32", "f16", "q8_0"], help="of its transformer's weights")
    parser.add_argument("--attention", choices=("plain", "flash"), default="plain", help="how it attends")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repeat", type=int, default=2, help="passes of each run")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--time", choices=("clock", "processor"), default="clock", help="which seconds")
    parser.add_argument("--folder", type=Path, default=Path("runs/peers"))
    parser.add_argument("--misora", type=Path, default=Path("target/release/misora"))
    options = parser.parse_args()
    module = build(options.sources, options.folder / "stable-diffusion.cpp", options.threads)
    wan.make_model(options.folder / SIZE / "model", SIZE)
    print("| part, sides and tokens | misora in, peer in | misora | peer | times as fast ", end="")
    print("| misora | peer | memory | misora's error | peer's error |")
    print("|" + " --- |" * 10)
    for case in wan.CASES[SIZE]:
        if options.part in (None, case[0]):
            compare(options, module, case)


if __name__ == "__main__":
    main()
