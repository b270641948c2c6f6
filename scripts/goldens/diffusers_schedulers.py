#!/usr/bin/env python3
"""Makes the goldens of crates/diffusion: what diffusers' schedulers, and a plain ChaCha12, give.

Needs torch, numpy, diffusers and safetensors; run from the repository's root:

    python3 scripts/goldens/diffusers_schedulers.py

The velocity is that of data drawn from a mixture of Gaussians, written a second time in
crates/diffusion/tests/common/mod.rs. Change both or neither.
"""

import math
import struct
import sys
from pathlib import Path

# The scripts beside this one have the names of packages that diffusers looks for.
sys.path.pop(0)

import diffusers
import numpy as np
import torch
from diffusers import (
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    UniPCMultistepScheduler,
)
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from diffusers.schedulers import scheduling_flow_match_euler_discrete
from safetensors.torch import save_file

GOLDENS = Path("crates/diffusion/tests/goldens")
SHAPE = (2, 2, 3, 2, 2)  # [B, C, T, H, W]
STEPS = (1, 2, 3, 5, 12, 30)

# Weight, mean and standard deviation of each part of the mixture.
MIXTURE = ((0.3, -1.2, 0.35), (0.5, 0.4, 0.5), (0.2, 1.7, 0.25))


def velocity(x, sigma):
    """E[noise - data | x] at level sigma, in float64."""
    x, sigma = x.double(), float(sigma)
    alpha = 1 - sigma
    log_weights, velocities = [], []
    for weight, mean, std in MIXTURE:
        variance = alpha**2 * std**2 + sigma**2
        offset = x - alpha * mean
        log_weights.append(math.log(weight) - 0.5 * math.log(variance) - 0.5 * offset**2 / variance)
        velocities.append((sigma - alpha * std**2) / variance * offset - mean)
    share = torch.softmax(torch.stack(log_weights), dim=0)
    return (share * torch.stack(velocities)).sum(0).float()


def run(scheduler, x):
    """The usual loop; multistep schedulers are shown sigma itself, not the rounded timestep."""
    scheduler.set_begin_index(0)
    for index, timestep in enumerate(scheduler.timesteps):
        is_multistep = isinstance(scheduler, (DPMSolverMultistepScheduler, UniPCMultistepScheduler))
        sigma = scheduler.sigmas[index] if is_multistep else timestep / 1000
        x = scheduler.step(velocity(x, sigma), timestep, x).prev_sample
    return x


def euler(steps):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps))
    return scheduler, scheduler.sigmas


def heun(steps):
    scheduler = FlowMatchHeunDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(steps)
    # It lists every level but the ends twice, once for each of its two evaluations.
    return scheduler, torch.unique_consecutive(scheduler.sigmas)


def dpmpp_2m(steps):
    scheduler = DPMSolverMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, algorithm_type="dpmsolver++"
    )
    scheduler.set_timesteps(steps)
    return scheduler, scheduler.sigmas


def unipc(steps):
    scheduler = UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, solver_type="bh2"
    )
    scheduler.set_timesteps(steps)
    return scheduler, scheduler.sigmas


SEEDS = (5, 9)


def fresh_noise(level):
    """What crates/diffusion adds on the way to a level, one seed for each clip."""
    first = struct.unpack("<I", struct.pack("<f", level))[0] << 32
    _, channels, frames, height, width = SHAPE
    noise = [[gaussians(seed, first + frame, channels * height * width) for frame in range(frames)] for seed in SEEDS]
    noise = np.array(noise).reshape(len(SEEDS), frames, channels, height, width).swapaxes(1, 2)
    return torch.from_numpy(noise.astype(np.float32))


def dmd(steps):
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, stochastic_sampling=True)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps))
    # Its noise is asked for after the last step too, where nothing of it is taken.
    levels = iter(scheduler.sigmas[1:].tolist())
    scheduling_flow_match_euler_discrete.randn_tensor = lambda *_, **__: fresh_noise(next(levels))
    return scheduler, scheduler.sigmas


def sampler_goldens():
    noise = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    tensors = {"initial": noise}
    makers = {"euler": euler, "heun": heun, "dpmpp-2m": dpmpp_2m, "unipc": unipc, "dmd": dmd}
    for name, make in makers.items():
        for steps in STEPS:
            scheduler, sigmas = make(steps)
            tensors[f"{name}.{steps}.sigmas"] = sigmas.clone()
            tensors[f"{name}.{steps}.final"] = run(scheduler, noise.clone())
    save("samplers", tensors, tolerance="1e-5")


def schedule_goldens():
    tensors = {}
    for tokens in (256, 576, 2304, 4096, 32760):
        scheduler = FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 20, 20), mu=calculate_shift(tokens))
        tensors[f"tokens.{tokens}"] = scheduler.sigmas
    for shift in (1, 3, 7):
        scheduler = FlowMatchEulerDiscreteScheduler(shift=float(shift))
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 20, 20))
        tensors[f"shifted.{shift}"] = scheduler.sigmas
    scheduler = FlowMatchEulerDiscreteScheduler(use_karras_sigmas=True)
    scheduler.set_timesteps(sigmas=np.linspace(1, 1 / 20, 20))
    tensors["karras.7"] = scheduler.sigmas
    save("schedules", tensors, tolerance="1e-6")


def chacha12(seed, stream, block):
    """One block of ChaCha with 12 rounds, 64-bit counter and 64-bit stream (Bernstein 2008)."""
    state = list(struct.unpack("<4I", b"expand 32-byte k"))
    state += list(struct.unpack("<8I", struct.pack("<Q", seed) + bytes(24)))
    state += list(struct.unpack("<4I", struct.pack("<QQ", block, stream)))
    x = state.copy()

    def rotate(value, bits):
        return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF

    def quarter(a, b, c, d):
        for first, second, third, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            x[first] = (x[first] + x[second]) & 0xFFFFFFFF
            x[third] = rotate(x[third] ^ x[first], bits)

    for _ in range(6):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(x, state)))


def gaussians(seed, stream, count):
    blocks = b"".join(chacha12(seed, stream, block) for block in range(-(-count // 8)))
    uniform = ((np.frombuffer(blocks, dtype="<u8") >> np.uint64(11)) + np.uint64(1)).astype(np.float64) * 2.0**-53
    radius, angle = np.sqrt(-2 * np.log(uniform[0::2])), 2 * math.pi * uniform[1::2]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).ravel()[:count]


def noise_goldens():
    channels, frames, height, width = 2, 3, 3, 3
    tensors = {}
    for seed in (0, 42, 2**64 - 1):
        clip = [gaussians(seed, frame, channels * height * width) for frame in range(frames)]
        clip = np.stack(clip).reshape(frames, channels, height, width).swapaxes(0, 1)
        tensors[f"seed.{seed}"] = torch.from_numpy(clip.astype(np.float32))
    save("noise", tensors, tolerance="0")


def save(name, tensors, tolerance):
    metadata = {
        "made_by": "scripts/goldens/diffusers_schedulers.py",
        "reference": f"diffusers {diffusers.__version__}, torch {torch.__version__.split('+')[0]}, numpy {np.__version__}",
        "tolerance": tolerance,
    }
    path = GOLDENS / f"{name}.safetensors"
    save_file({key: value.contiguous() for key, value in tensors.items()}, path, metadata)
    path.chmod(0o644)


if __name__ == "__main__":
    GOLDENS.mkdir(parents=True, exist_ok=True)
    sampler_goldens()
    schedule_goldens()
    noise_goldens()
