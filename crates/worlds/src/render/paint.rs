//! Which rays a picture needs: few where it is smooth, more along edges.

use super::{
    lens::Lens,
    look, tone,
    trace::{FAR, Sample, Scene},
    weather,
};
use crate::stage::Look;
use glam::Vec3;
use video::{Frame, Resolution};

/// Where in a pixel the extra samples of an edge lie, around the one in its middle.
const EDGE_SAMPLES: [(f32, f32); 3] = [(0.867, 0.598), (0.231, 0.769), (0.402, 0.133)];
/// Difference of an object's neighbouring pixels that makes an edge.
///
/// Differences are of square roots of light, which is about what eyes see.
const OBJECT_EDGE: f32 = 0.11;
/// The same for the ground, whose texture is filtered already.
const GROUND_EDGE: f32 = 0.17;
/// Difference below which the pixels between two others need no ray of their own.
const SMOOTH: f32 = 0.03;

/// Draws the scene; also returns what lies in the middle of every pixel.
pub(crate) fn paint(scene: &Scene<'_>, lens: &Lens, resolution: Resolution) -> (Frame, Vec<Sample>) {
    let (width, height) = (resolution.width() as usize, resolution.height() as usize);
    let samples = middles(scene, lens, width, height);
    let edge = edges(&samples, width, height);
    let depth: Vec<f32> = samples.iter().map(|sample| sample.depth).collect();
    let mut light: Vec<Vec3> = samples
        .iter()
        .zip(&edge)
        .enumerate()
        .map(|(index, (sample, &edge))| {
            if !edge {
                return sample.light;
            }
            let (x, y) = ((index % width) as f32, (index / width) as f32);
            let look = |(dx, dy): &(f32, f32)| scene.look(&lens.ray(x + dx, y + dy)).light.min(Vec3::ONE);
            (sample.light.min(Vec3::ONE) + EDGE_SAMPLES.iter().map(look).sum::<Vec3>()) * 0.25
        })
        .collect();
    weather::overlay(&mut weather::Canvas { light: &mut light, depth: &depth, width, height }, scene, lens);
    if scene.stage.look == Look::Pencil {
        for (index, light) in light.iter_mut().enumerate() {
            *light = look::pencil(*light, samples[index].id != 0, index % width, index / width, height);
        }
    }
    let mut frame = Frame::filled(resolution, [0; 3]);
    for (pixel, light) in frame.rgb_mut().chunks_exact_mut(3).zip(&light) {
        pixel.copy_from_slice(&tone::srgb_bytes(*light));
    }
    (frame, samples)
}

/// One sample for the middle of every pixel.
///
/// Every second pixel of every second row is traced. The others take the mean of their traced neighbours where those
/// agree, which is most of sky and ground; wherever an object may be, all are traced.
fn middles(scene: &Scene<'_>, lens: &Lens, width: usize, height: usize) -> Vec<Sample> {
    const UNSEEN: Sample = Sample { light: Vec3::ZERO, id: 0, depth: 0.0, met: 0 };
    let mut samples = vec![UNSEEN; width * height];
    for y in (0..height).step_by(2) {
        for x in (0..width).step_by(2) {
            samples[y * width + x] = scene.look(&lens.ray(x as f32 + 0.5, y as f32 + 0.5));
        }
    }
    for y in 0..height {
        for x in (1 - y % 2..width).step_by(2 - y % 2) {
            let index = y * width + x;
            let (across, down) = (x % 2, y % 2 * width);
            let inside = x + x % 2 < width && y + y % 2 < height;
            let ray = lens.ray(x as f32 + 0.5, y as f32 + 0.5);
            let around = inside.then(|| {
                [index - across - down, index + across + down, index + across - down, index - across + down]
                    .map(|neighbour| samples[neighbour])
            });
            let mixed = around.and_then(|around| mean_if_smooth(&around));
            samples[index] = mixed.filter(|_| !scene.may_meet(&ray)).unwrap_or_else(|| scene.look(&ray));
        }
    }
    samples
}

/// The mean of four samples of the background that differ little.
fn mean_if_smooth(around: &[Sample; 4]) -> Option<Sample> {
    let [first, rest @ ..] = around;
    let alike = |other: &Sample| {
        let same_kind = first.id == 0 && other.id == 0 && (first.depth > FAR) == (other.depth > FAR);
        same_kind && !differ(first.light, other.light, SMOOTH)
    };
    rest.iter().all(alike).then(|| Sample {
        light: around.iter().map(|sample| sample.light).sum::<Vec3>() * 0.25,
        id: 0,
        depth: around.iter().map(|sample| sample.depth).sum::<f32>() * 0.25,
        met: 0,
    })
}

/// Which pixels lie on an edge.
fn edges(samples: &[Sample], width: usize, height: usize) -> Vec<bool> {
    let mut edge = vec![false; width * height];
    let mut compare = |a: usize, b: usize| {
        if is_edge(&samples[a], &samples[b]) {
            (edge[a], edge[b]) = (true, true);
        }
    };
    for index in 0..width * height {
        if index % width + 1 < width {
            compare(index, index + 1);
        }
        if index + width < width * height {
            compare(index, index + width);
        }
    }
    edge
}

fn is_edge(one: &Sample, other: &Sample) -> bool {
    if one.id != other.id {
        return true;
    }
    // The sky is smooth by itself.
    if one.depth > FAR && other.depth > FAR {
        return false;
    }
    differ(one.light, other.light, if one.id == 0 { GROUND_EDGE } else { OBJECT_EDGE })
}

/// Whether square roots of light differ by more than about `limit` in any channel, without taking roots.
fn differ(one: Vec3, other: Vec3, limit: f32) -> bool {
    let (one, other) = (one.min(Vec3::ONE), other.min(Vec3::ONE));
    let gap = (one - other).abs();
    // (√a + √b)² lies between a + b and 2 (a + b).
    (gap * gap).cmpgt((one + other) * (1.9 * limit * limit)).any()
}
