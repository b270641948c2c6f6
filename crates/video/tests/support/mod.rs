//! Clips to write and read, and how far apart two of them are.
#![allow(dead_code, reason = "each test file uses its part")]

use video::{Clip, Frame, FrameRate, Resolution};

/// A red ball that crosses a soft sky: smooth colours, motion, and one edge.
pub fn ball(width: u32, height: u32, num_frames: usize, rate: (u32, u32)) -> Clip {
    let size = Resolution::new(width, height).unwrap();
    let frames = (0..num_frames).map(|time| {
        let at = 0.3 + 0.4 * time as f32 / num_frames as f32;
        let mut rgb = Vec::with_capacity(size.pixel_count() * 3);
        for row in 0..height {
            for column in 0..width {
                let (x, y) = (column as f32 / width as f32, row as f32 / height as f32);
                let distance = (x - at).hypot(y - 0.5);
                let inside = ((0.25 - distance) * 12.0).clamp(0.0, 1.0);
                let sky = [110.0 + 90.0 * y, 150.0 + 60.0 * y, 235.0 - 60.0 * x];
                let ball = [215.0 - 300.0 * distance, 50.0, 40.0 + 120.0 * distance];
                rgb.extend((0..3).map(|channel| {
                    (sky[channel] * (1.0 - inside) + ball[channel] * inside).round().clamp(0.0, 255.0) as u8
                }));
            }
        }
        Frame::new(size, rgb).unwrap()
    });
    Clip::new(frames.collect(), FrameRate::new(rate.0, rate.1).unwrap()).unwrap()
}

/// Peak signal-to-noise ratio in decibels, over all frames.
pub fn psnr(a: &Clip, b: &Clip) -> f64 {
    assert_eq!((a.resolution(), a.frames().len()), (b.resolution(), b.frames().len()));
    let errors = a.frames().iter().zip(b.frames()).flat_map(|(a, b)| a.rgb().iter().zip(b.rgb()));
    let squares: Vec<f64> = errors.map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).collect();
    10.0 * (255.0 * 255.0 / (squares.iter().sum::<f64>() / squares.len() as f64)).log10()
}
