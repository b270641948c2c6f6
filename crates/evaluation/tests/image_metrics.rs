//! PSNR and SSIM held against scikit-image, on pictures that both sides make by the same integer formulas.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test that meets an error should fail at once")]

use evaluation::metrics::{clip_psnr_db, clip_ssim, psnr_db, ssim};
use serde_json::Value;
use video::{Clip, Frame, FrameRate, Resolution};

const GOLDENS: &str = include_str!("goldens/image_metrics.json");

fn frame(width: u32, height: u32, level: impl Fn(u32, u32, u32) -> i64) -> Frame {
    let positions = (0..height).flat_map(|y| (0..width).flat_map(move |x| (0..3).map(move |c| (x, y, c))));
    let rgb = positions.map(|(x, y, c)| level(x, y, c).clamp(0, 255) as u8).collect();
    Frame::new(Resolution::new(width, height).unwrap(), rgb).unwrap()
}

fn reference(x: u32, y: u32, c: u32) -> i64 {
    i64::from((x * (3 + c) + y * (7 - 2 * c) + x * y / 8) % 256)
}

fn noise(x: u32, y: u32, c: u32, amplitude: u32) -> i64 {
    let h = x.wrapping_mul(374_761_393).wrapping_add(y.wrapping_mul(668_265_263));
    let h = h.wrapping_add(c.wrapping_mul(2_246_822_519));
    let h = (h ^ (h >> 13)).wrapping_mul(1_274_126_177);
    i64::from((h ^ (h >> 16)) % (2 * amplitude + 1)) - i64::from(amplitude)
}

fn distorted(distortion: &str, x: u32, y: u32, c: u32) -> i64 {
    let level = reference(x, y, c);
    match distortion {
        "equal" => level,
        "brighter" => level + 12,
        "coarse" => level / 32 * 32 + 16,
        "noisy" => level + noise(x, y, c, 20),
        "inverted" => 255 - level,
        other => panic!("the goldens name an unknown distortion, {other}"),
    }
}

fn size(golden: &Value) -> (u32, u32) {
    let side = |name: &str| u32::try_from(golden[name].as_u64().unwrap()).unwrap();
    (side("width"), side("height"))
}

fn assert_near(actual: f64, golden: &Value, tolerance: f64, what: &str) {
    // No infinity in JSON: null stands for it.
    let expected = golden.as_f64().unwrap_or(f64::INFINITY);
    assert!(actual == expected || (actual - expected).abs() <= tolerance, "{what}: {actual}, not {expected}");
}

#[test]
fn frames_agree_with_scikit_image() {
    let goldens: Value = serde_json::from_str(GOLDENS).unwrap();
    let tolerance = goldens["metadata"]["tolerance"].as_f64().unwrap();
    for golden in goldens["frames"].as_array().unwrap() {
        let (width, height) = size(golden);
        let distortion = golden["distortion"].as_str().unwrap();
        let clean = frame(width, height, reference);
        let other = frame(width, height, |x, y, c| distorted(distortion, x, y, c));
        let what = format!("{distortion} at {width}x{height}");
        assert_near(psnr_db(&clean, &other).unwrap(), &golden["psnr_db"], tolerance, &format!("PSNR of {what}"));
        assert_near(ssim(&clean, &other).unwrap(), &golden["ssim"], tolerance, &format!("SSIM of {what}"));
    }
}

#[test]
fn clips_agree_with_scikit_image() {
    let goldens: Value = serde_json::from_str(GOLDENS).unwrap();
    let tolerance = goldens["metadata"]["tolerance"].as_f64().unwrap();
    let golden = &goldens["clip"];
    let (width, height) = size(golden);
    let amplitudes: Vec<u32> =
        golden["noise_amplitudes"].as_array().unwrap().iter().map(|k| k.as_u64().unwrap() as u32).collect();
    let noisy = |&k: &u32| frame(width, height, |x, y, c| reference(x, y, c) + noise(x, y, c, k));
    let rate = FrameRate::new(8, 1).unwrap();
    let clean = Clip::new(vec![frame(width, height, reference); amplitudes.len()], rate).unwrap();
    let other = Clip::new(amplitudes.iter().map(noisy).collect(), rate).unwrap();
    assert_near(clip_psnr_db(&clean, &other).unwrap(), &golden["psnr_db"], tolerance, "PSNR of the clip");
    assert_near(clip_ssim(&clean, &other).unwrap(), &golden["ssim"], tolerance, "SSIM of the clip");
}
