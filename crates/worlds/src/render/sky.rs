//! The sky: its gradient, sun or moon, clouds, and hills on the horizon.

use super::{
    light::Rig,
    texture::{CLOUDY, floor, hash01, smoothstep},
};
use crate::stage::{Look, Place, Stage};
use glam::{Vec2, Vec3};

/// The sky over one stage.
pub(crate) struct Sky {
    rig: Rig,
    shift: Vec2,
    wind: Vec2,
    /// Height of the far and the near range by direction, as the sine of elevation; empty when there are none.
    ranges: [Vec<f32>; 2],
    range_colours: [Vec3; 2],
    look: Look,
}

impl Sky {
    pub(crate) fn new(stage: &Stage, rig: &Rig) -> Self {
        let key = stage.seed as u32 ^ (stage.seed >> 32) as u32;
        let chance = |salt: u32| hash01(key ^ salt);
        let heading = chance(11) * std::f32::consts::TAU;
        let (heights, tint) = match stage.place {
            Place::Grass => ([0.075, 0.035], Vec3::new(0.16, 0.27, 0.12)),
            Place::Sand => ([0.06, 0.03], Vec3::new(0.55, 0.40, 0.25)),
            Place::Snow => ([0.13, 0.05], Vec3::new(0.62, 0.70, 0.82)),
            Place::Tiles => ([0.06, 0.0], Vec3::new(0.30, 0.33, 0.38)),
            Place::Room | Place::Sea => ([0.0, 0.0], Vec3::ZERO),
        };
        let lit = rig.ambient_up + rig.lights.iter().map(|light| light.at(Vec3::splat(1e3)).colour * 0.4).sum::<Vec3>();
        let range_colours = [0.66, 0.42].map(|haze| (tint * lit).lerp(rig.horizon, haze));
        let ranges = [0usize, 1].map(|index| {
            let tall: f32 = heights[index];
            if tall == 0.0 { Vec::new() } else { skyline(key.wrapping_add(index as u32 * 977), tall) }
        });
        Self {
            rig: rig.clone(),
            shift: Vec2::new(chance(12), chance(13)),
            wind: Vec2::from_angle(heading) * 0.006,
            ranges,
            range_colours,
            look: stage.look,
        }
    }

    /// Light from far away in `direction`; `pixel` is the angle that one pixel covers.
    pub(crate) fn light(&self, direction: Vec3, time_secs: f32, pixel: f32) -> Vec3 {
        let mut light = self.plain(direction);
        let towards_sun = direction.dot(self.rig.sun);
        if self.rig.disc.x > 0.0 && towards_sun > 0.99 {
            // The disc is drawn larger than the real one (about 3.4° across) to be seen in small pictures.
            let angle = (2.0 * (1.0 - towards_sun)).max(0.0).sqrt();
            light = light.lerp(self.rig.disc, 1.0 - smoothstep(0.03 - pixel * 0.5, 0.034 + pixel * 0.5, angle));
        }
        if direction.y > 0.01 {
            light = self.clouds(light, direction, time_secs, pixel, towards_sun);
        }
        if !self.ranges[0].is_empty() && direction.y < 0.2 {
            let around = around(direction);
            for (heights, colour) in self.ranges.iter().zip(self.range_colours) {
                if let Some(height) = height_at(heights, around) {
                    let above = direction.y - height;
                    light = colour.lerp(light, smoothstep(-pixel, pixel, above));
                }
            }
        }
        light
    }

    /// The cloudless gradient, for soft reflections and fog.
    pub(crate) fn plain(&self, direction: Vec3) -> Vec3 {
        let rise = direction.y.max(0.0);
        let blend = (rise * (2.2 - 1.2 * rise)).sqrt();
        let base = self.rig.horizon.lerp(self.rig.zenith, blend.min(1.0));
        let near = (0.5 + 0.5 * direction.dot(self.rig.sun)).max(0.0);
        let near = near * near * near;
        let near = near * near;
        base + self.rig.glow * (near * near * 0.55 + near * 0.3 * (1.0 - rise))
    }

    /// Share of the sky that clouds hide in `direction`.
    pub(crate) fn cloudiness(&self, direction: Vec3, time_secs: f32) -> f32 {
        self.cloud(direction, time_secs, 0.004).0
    }

    /// How dense and how thick the clouds are.
    fn cloud(&self, direction: Vec3, time_secs: f32, pixel: f32) -> (f32, f32) {
        let scale = 0.11 / (direction.y + 0.12);
        let mut at = Vec2::new(direction.x, direction.z) * scale;
        if self.look == Look::Voxel {
            at = ((at * 36.0).floor() + 0.5) / 36.0;
        }
        let at = at + self.shift + self.wind * time_secs;
        let footprint = pixel * scale * (1.0 + 0.5 / (direction.y + 0.12));
        let value = CLOUDY.sample(at.x, at.y, footprint.max(0.004));
        let threshold = 0.9 - 1.6 * self.rig.cover;
        let soft = if matches!(self.look, Look::Natural | Look::Pencil) { 0.75 } else { 0.12 };
        let density = smoothstep(threshold, threshold + soft, value) * smoothstep(0.01, 0.16, direction.y);
        // Thick parts are darker.
        (density, smoothstep(threshold + 0.25, threshold + 1.5, value))
    }

    /// What far things fade into in `direction`: sky, or the foot of the hills.
    pub(crate) fn haze(&self, direction: Vec3) -> Vec3 {
        let level = Vec3::new(direction.x, direction.y.max(0.0), direction.z);
        let sky = self.plain(level);
        if self.ranges[0].is_empty() { sky } else { sky.lerp(self.range_colours[1], 0.75) }
    }

    fn clouds(&self, behind: Vec3, direction: Vec3, time_secs: f32, pixel: f32, towards_sun: f32) -> Vec3 {
        let (density, thick) = self.cloud(direction, time_secs, pixel);
        if density <= 0.0 {
            return behind;
        }
        // Near the sun, edges shine.
        let shine = (towards_sun.max(0.0)).powi(8) * (1.0 - thick) * 0.5;
        let colour = self.rig.cloud_light.lerp(self.rig.cloud_shade, thick * 0.85) + self.rig.glow * shine;
        behind.lerp(colour, density * 0.92)
    }
}

/// Direction around the horizon in 0 to 4: like an angle, without the arc tangent.
fn around(direction: Vec3) -> f32 {
    let (x, z) = (direction.x, direction.z);
    let sum = (x.abs() + z.abs()).max(1e-6);
    let part = x / sum;
    if z >= 0.0 { 1.0 - part } else { 3.0 + part }
}

fn height_at(heights: &[f32], around: f32) -> Option<f32> {
    if heights.is_empty() {
        return None;
    }
    let at = around * 0.25 * heights.len() as f32;
    let index = floor(at);
    let part = at - index as f32;
    let (index, mask) = (index as usize, heights.len() - 1);
    Some(heights[index & mask] * (1.0 - part) + heights[(index + 1) & mask] * part)
}

/// A smooth closed line of hills.
fn skyline(key: u32, tall: f32) -> Vec<f32> {
    let wave = |at: f32, salt: u32| {
        (1..7u32)
            .map(|k| {
                let turns = (k * k / 2 + k + salt % 3) as f32;
                (at * turns * std::f32::consts::TAU + hash01(key ^ (k * 131 + salt)) * 6.3).sin() / (k as f32 + 0.6)
            })
            .sum::<f32>()
    };
    (0..256).map(|index| tall * (0.55 + 0.32 * wave(index as f32 / 256.0, 0)).max(0.02)).collect()
}
