#!/usr/bin/env python3
"""A training step in misora against PyTorch: the same plain transformer, in f32, in turns.

Needs torch, and misora built in release:

    cargo build --release
    python3 bench/peers/train_step.py

Pre-norm blocks of attention within a clip and a SiLU feed-forward of four times the width; forward, backward, AdamW.
Each program runs --rounds times in turns; the table gives the median seconds of a step over all rounds, and the ratio.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIZES = dict(width=384, layers=8, heads=6, clips=16, tokens=80, repeat=8)
WARMUP_STEPS = 2
OUTPUTS = 64


def torch_step(sizes, threads):
    """Seconds of each step in PyTorch."""
    import torch
    from torch.nn import LayerNorm, Linear, Module, Sequential
    from torch.nn.functional import scaled_dot_product_attention, silu

    torch.set_num_threads(threads)
    width, heads = sizes["width"], sizes["heads"]

    class Attention(Module):
        def __init__(self):
            super().__init__()
            self.norm = LayerNorm(width)
            self.query, self.key, self.value, self.out = (Linear(width, width) for _ in range(4))

        def forward(self, x):
            normed = self.norm(x)
            split = lambda y: y.unflatten(-1, (heads, -1)).transpose(1, 2)
            parts = (split(layer(normed)) for layer in (self.query, self.key, self.value))
            return x + self.out(scaled_dot_product_attention(*parts).transpose(1, 2).flatten(2))

    class FeedForward(Module):
        def __init__(self):
            super().__init__()
            self.norm, self.up, self.down = LayerNorm(width), Linear(width, 4 * width), Linear(4 * width, width)

        def forward(self, x):
            return x + self.down(silu(self.up(self.norm(x))))

    layers = [part() for _ in range(sizes["layers"]) for part in (Attention, FeedForward)]
    net = Sequential(*layers, Linear(width, OUTPUTS))
    optimizer = torch.optim.AdamW(net.parameters(), 1e-4)
    seconds = []
    for step in range(WARMUP_STEPS + sizes["repeat"]):
        begun = time.perf_counter()
        loss = net(torch.randn(sizes["clips"], sizes["tokens"], width)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step >= WARMUP_STEPS:
            seconds.append(time.perf_counter() - begun)
    print(json.dumps({"seconds": seconds, "parameters": sum(weight.numel() for weight in net.parameters())}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--misora", default=str(Path(__file__).resolve().parents[2] / "target/release/misora"))
    parser.add_argument("--torch-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    sizes = {name: getattr(options, name) for name in SIZES}
    if options.torch_only:
        return torch_step(sizes, options.threads)

    flags = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    programs = {
        "PyTorch": [sys.executable, __file__, "--torch-only", "--threads", str(options.threads), *flags],
        "misora": [options.misora, "bench", "train-step", *flags],
    }
    seconds, parameters = {name: [] for name in programs}, {}
    for _ in range(options.rounds):
        for name, command in programs.items():
            answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            seconds[name] += answer["seconds"]
            parameters[name] = answer["parameters"]
    assert parameters["PyTorch"] == parameters["misora"], parameters
    operations = 6 * parameters["misora"] * sizes["clips"] * sizes["tokens"]
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:8} {median * 1e3:8.1f} ms a step, {operations / median / 1e9:6.1f} GFLOP/s")
    ratio = statistics.median(seconds["PyTorch"]) / statistics.median(seconds["misora"])
    print(f"misora is {ratio:.2f} times as fast")


if __name__ == "__main__":
    main()
