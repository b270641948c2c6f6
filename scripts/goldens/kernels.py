"""Writes what PyTorch says of every operation in the crate `kernels`, forward and backward.

python3 scripts/goldens/kernels.py crates/kernels/tests/goldens/kernels.safetensors

Computed in double precision on odd shapes, stored in single. For each operation: its inputs, its
output, the gradient that is sent back ("cotangent"), and the gradients that arrive at the inputs.
"""

import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(20)
EPSILON = 1e-6
tensors = {}


def record(name, function, **inputs):
    inputs = {key: value.double().requires_grad_() for key, value in inputs.items()}
    output = function(**inputs)
    cotangent = torch.randn_like(output)
    output.backward(cotangent)
    tensors[f"{name}.output"] = output
    tensors[f"{name}.cotangent"] = cotangent
    for key, value in inputs.items():
        tensors[f"{name}.{key}"] = value
        if value.grad is not None:
            tensors[f"{name}.{key}.grad"] = value.grad


def randn(*shape):
    return torch.randn(*shape)


def attention(heads, query_lengths, key_lengths):
    def function(query, key, value):
        parts = []
        split = lambda x: x.unflatten(1, (heads, -1)).transpose(0, 1)
        segments = zip(query.split(query_lengths), key.split(key_lengths), value.split(key_lengths))
        for q, k, v in segments:
            out = F.scaled_dot_product_attention(split(q), split(k), split(v))
            parts.append(out.transpose(0, 1).flatten(1))
        return torch.cat(parts)

    return function


def head_norm_rotary(x, weight, cos=None, sin=None):
    heads = x.shape[1] // weight.shape[0]
    normed = F.rms_norm(x.unflatten(1, (heads, -1)), weight.shape, weight, EPSILON)
    if cos is not None:
        pairs = torch.view_as_complex(normed.unflatten(2, (-1, 2)).contiguous())
        angles = torch.complex(cos.detach(), sin.detach())
        normed = torch.view_as_real(pairs * angles[:, None]).flatten(2)
    return normed.flatten(1)


def conv(kernel):
    def function(x, weight, bias):
        kt, kh, kw = kernel
        weight = weight.unflatten(0, (kt, kh, kw, -1)).permute(4, 3, 0, 1, 2)
        out = F.conv3d(x.permute(0, 4, 1, 2, 3), weight, bias, padding=(0, kh // 2, kw // 2))
        return out.permute(0, 2, 3, 4, 1)

    return function


ROWS = torch.tensor([0, 0, 2, 2, 2, 1, 0, 2, 1, 1, 1])
record("linear", lambda x, weight, bias: x @ weight + bias, x=randn(37, 19), weight=randn(19, 23), bias=randn(23))
record("product", lambda x, weight: x @ weight, x=randn(257, 3), weight=randn(3, 131))
record("self_attention", attention(3, [5, 1, 40], [5, 1, 40]), query=randn(46, 30), key=randn(46, 30), value=randn(46, 30))
record("cross_attention", attention(2, [7, 300, 3], [4, 17, 1]), query=randn(310, 16), key=randn(22, 16), value=randn(22, 16))
angles = randn(11, 3)
record("head_norm", head_norm_rotary, x=randn(11, 18), weight=randn(6))
record("head_norm_rotary", head_norm_rotary, x=randn(11, 18), weight=randn(6), cos=angles.cos(), sin=angles.sin())
record(
    "modulated_layer_norm",
    lambda x, shift, scale: F.layer_norm(x, x.shape[1:], eps=EPSILON) * (1 + scale[ROWS]) + shift[ROWS],
    x=randn(11, 35) * 3 + 1, shift=randn(3, 35), scale=randn(3, 35),
)
record("gated_residual", lambda x, y, gate: x + gate[ROWS] * y, x=randn(11, 35), y=randn(11, 35), gate=randn(3, 35))
record("gelu", lambda x: F.gelu(x, approximate="tanh"), x=randn(9, 37) * 4)
record("silu", lambda x: F.silu(x), x=randn(9, 37) * 4)
record("rms_norm", lambda x, weight: F.rms_norm(x, weight.shape, weight, EPSILON), x=randn(200, 21), weight=randn(21))
record(
    "rms_norm_silu",
    lambda x, weight: F.silu(F.rms_norm(x, weight.shape, weight, EPSILON)),
    x=randn(7, 40), weight=randn(40),
)
for kernel in [(1, 3, 3), (3, 1, 1), (3, 3, 3), (2, 1, 5)]:
    frames = 3 + kernel[0] - 1
    taps = kernel[0] * kernel[1] * kernel[2]
    name = "conv_" + "x".join(map(str, kernel))
    record(name, conv(kernel), x=randn(2, frames, 5, 4, 6), weight=randn(taps * 6, 7), bias=randn(7))
record("conv_wide", conv((3, 3, 3)), x=randn(1, 4, 3, 2, 50), weight=randn(27 * 50, 3), bias=randn(3))

parameter = torch.nn.Parameter(randn(23).double())
optimizer = torch.optim.AdamW([parameter], lr=3e-2, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1)
ema = parameter.detach().clone()
tensors["adamw.param"] = parameter.detach().clone()
grads = []
for _ in range(4):
    parameter.grad = randn(23).double()
    grads.append(parameter.grad.clone())
    parameter.grad *= 0.5  # the clipping
    optimizer.step()
    ema = 0.8 * ema + 0.2 * parameter.detach()
tensors["adamw.grads"] = torch.stack(grads)
tensors["adamw.output"] = parameter
tensors["adamw.ema"] = ema

save_file(
    {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()},
    sys.argv[1],
    metadata={"reference": f"torch {torch.__version__}, float64", "relative_tolerance": "1e-5 of the largest value"},
)
