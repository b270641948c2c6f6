#!/usr/bin/env python3
"""Writes crates/evaluation/tests/goldens/image_metrics.json with scikit-image's PSNR and SSIM.

Needs: pip install numpy scikit-image
Run from anywhere: python3 scripts/goldens/image_metrics.py

The pictures are made by integer formulas that crates/evaluation/tests/image_metrics.rs repeats, so that
no picture has to be stored.
"""

import json
from pathlib import Path

import numpy as np
import skimage
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

OUT = Path(__file__).resolve().parents[2] / "crates/evaluation/tests/goldens/image_metrics.json"
SIZES = [(32, 24), (11, 11), (40, 17)]
CLIP_AMPLITUDES = [4, 20, 60]


def axes(width, height):
    y, x, c = np.mgrid[0:height, 0:width, 0:3].astype(np.int64)
    return x, y, c


def reference(width, height):
    """Tilted ramps with a bend and hard edges, different in each channel."""
    x, y, c = axes(width, height)
    return (x * (3 + c) + y * (7 - 2 * c) + x * y // 8) % 256


def noise(width, height, amplitude):
    """Whole numbers from -amplitude to amplitude out of a 32-bit hash of the position."""
    x, y, c = (axis.astype(np.uint32) for axis in axes(width, height))
    h = x * np.uint32(374761393) + y * np.uint32(668265263) + c * np.uint32(2246822519)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(1274126177)
    h ^= h >> np.uint32(16)
    return (h % np.uint32(2 * amplitude + 1)).astype(np.int64) - amplitude


def distorted(width, height, distortion):
    picture = reference(width, height)
    match distortion:
        case "equal":
            return picture
        case "brighter":
            return np.minimum(picture + 12, 255)
        case "coarse":
            return picture // 32 * 32 + 16
        case "noisy":
            return np.clip(picture + noise(width, height, 20), 0, 255)
        case "inverted":
            return 255 - picture


def psnr(a, b):
    # No infinity in JSON: null stands for pictures that are equal.
    return None if np.array_equal(a, b) else float(peak_signal_noise_ratio(a, b, data_range=255))


def ssim(a, b):
    return float(
        structural_similarity(
            a, b, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=-1, data_range=255
        )
    )


def main():
    frames = []
    for width, height in SIZES:
        for distortion in ["equal", "brighter", "coarse", "noisy", "inverted"]:
            a = reference(width, height).astype(np.uint8)
            b = distorted(width, height, distortion).astype(np.uint8)
            frames.append(
                {"width": width, "height": height, "distortion": distortion, "psnr_db": psnr(a, b), "ssim": ssim(a, b)}
            )

    width, height = SIZES[0]
    a = np.stack([reference(width, height)] * len(CLIP_AMPLITUDES)).astype(np.uint8)
    b = np.clip(a + np.stack([noise(width, height, k) for k in CLIP_AMPLITUDES]), 0, 255).astype(np.uint8)
    clip = {
        "width": width,
        "height": height,
        "noise_amplitudes": CLIP_AMPLITUDES,
        "psnr_db": psnr(a, b),
        "ssim": float(np.mean([ssim(x, y) for x, y in zip(a, b)])),
    }

    metadata = {
        "made_by": "scripts/goldens/image_metrics.py",
        "reference": f"scikit-image {skimage.__version__}",
        "tolerance": 1e-9,
    }
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"metadata": metadata, "frames": frames, "clip": clip}, indent=1) + "\n")


if __name__ == "__main__":
    main()
