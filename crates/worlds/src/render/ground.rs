//! What the objects stand on: where a ray meets it, and what it looks like there.

use super::{
    body::Ray,
    texture::{CLOUDY, FINE, floor, hash01, smoothstep},
};
use crate::stage::{Look, Place, Stage, Weather};
use glam::{Vec2, Vec3};

/// Back wall of the room.
const WALL_Z: f32 = -6.0;
/// Side walls of the room.
const WALL_X: f32 = 8.0;
/// Front wall and ceiling of the room, seen only from inside.
const FRONT_Z: f32 = 16.0;
const CEILING: f32 = 7.5;

/// Edge of a ground cell in the voxel look, in metres.
const CELL: f32 = 0.25;

/// A point of the place, before it is lit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patch {
    pub(crate) t: f32,
    pub(crate) normal: Vec3,
    pub(crate) albedo: Vec3,
    /// Share of light mirrored when looked at straight on; 0 is dull.
    pub(crate) mirror: f32,
    /// Share of the sky's light that corners leave.
    pub(crate) open: f32,
}

/// The ground or room of one stage.
pub(crate) struct Ground {
    place: Place,
    weather: Weather,
    look: Look,
    shift: Vec2,
    wall: Vec3,
}

impl Ground {
    pub(crate) fn new(stage: &Stage) -> Self {
        let key = stage.seed as u32 ^ (stage.seed >> 32) as u32;
        let walls = [
            Vec3::new(0.70, 0.64, 0.54),
            Vec3::new(0.52, 0.62, 0.56),
            Vec3::new(0.50, 0.58, 0.68),
            Vec3::new(0.70, 0.55, 0.50),
            Vec3::new(0.66, 0.62, 0.66),
        ];
        Self {
            place: stage.place,
            weather: stage.weather,
            look: stage.look,
            shift: Vec2::new(hash01(key ^ 21), hash01(key ^ 22)),
            wall: walls[(hash01(key ^ 23) * walls.len() as f32) as usize % walls.len()],
        }
    }

    /// Distance to the ground plane or walls, without looks.
    pub(crate) fn distance(&self, ray: &Ray) -> Option<f32> {
        let mut nearest = f32::MAX;
        if ray.direction.y < -1e-4 && ray.origin.y > 0.0 {
            nearest = -ray.origin.y / ray.direction.y;
        }
        if self.place == Place::Room {
            for t in self.walls(ray) {
                nearest = nearest.min(t);
            }
        }
        (nearest < 2000.0).then_some(nearest)
    }

    /// Distances to back, left, right, front and ceiling; each is seen from inside only.
    fn walls(&self, ray: &Ray) -> [f32; 5] {
        let plane = |from: f32, to: f32, speed: f32| {
            let t = (to - from) / speed;
            if t > 0.0 && t.is_finite() { t } else { f32::MAX }
        };
        let (o, d) = (ray.origin, ray.direction);
        [
            if d.z < 0.0 { plane(o.z, WALL_Z, d.z) } else { f32::MAX },
            if d.x < 0.0 { plane(o.x, -WALL_X, d.x) } else { f32::MAX },
            if d.x > 0.0 { plane(o.x, WALL_X, d.x) } else { f32::MAX },
            if d.z > 0.0 { plane(o.z, FRONT_Z, d.z) } else { f32::MAX },
            if d.y > 0.0 { plane(o.y, CEILING, d.y) } else { f32::MAX },
        ]
    }

    /// What the ray meets at distance `t`, as [`Self::distance`] found it; `pixel` is the angle of one pixel.
    pub(crate) fn patch(&self, ray: &Ray, t: f32, pixel: f32, time_secs: f32) -> Patch {
        let point = ray.at(t);
        let mut patch = Patch { t, normal: Vec3::Y, albedo: Vec3::ONE, mirror: 0.0, open: 1.0 };
        if self.place == Place::Room && point.y > 1e-3 {
            self.wall(&mut patch, ray, point);
            return patch;
        }
        let grazing = (-ray.direction.y).max(0.02);
        let across = t * pixel;
        let mut view =
            Footprint { at: Vec2::new(point.x, point.z), across, along: across / grazing, ray: ray.direction };
        let mut seam = 0.0;
        if self.look == Look::Voxel {
            let (half_x, half_z) = view.half_extents();
            seam = seams(view.at.x / CELL, half_x / CELL).max(seams(view.at.y / CELL, half_z / CELL));
            // One colour for each cell, while cells are larger than pixels.
            let centre = ((view.at / CELL).floor() + 0.5) * CELL;
            view.at = view.at.lerp(centre, 1.0 - smoothstep(0.5, 1.2, view.size() / CELL));
            view.along = view.along.min(CELL);
        }
        match self.place {
            Place::Grass => self.grass(&mut patch, &view),
            Place::Sand => self.sand(&mut patch, &view),
            Place::Tiles => self.tiles(&mut patch, &view),
            Place::Snow => self.snow(&mut patch, &view),
            Place::Room => self.floor(&mut patch, &view),
            Place::Sea => self.sea(&mut patch, &view, time_secs),
        }
        if self.weather == Weather::Snow && !matches!(self.place, Place::Room | Place::Sea | Place::Snow) {
            let value = CLOUDY.sample(point.x * 0.06 + self.shift.y, point.z * 0.06, view.size() * 0.06);
            let snow = Vec3::new(0.80, 0.83, 0.88);
            patch.albedo = patch.albedo.lerp(snow, smoothstep(-0.9, 0.9, value) * 0.75);
        }
        if self.weather == Weather::Rain && matches!(self.place, Place::Tiles | Place::Sand | Place::Grass) {
            patch.albedo *= 0.8;
            patch.mirror = patch.mirror.max(if self.place == Place::Tiles { 0.06 } else { 0.0 });
        }
        if self.look == Look::Voxel {
            let cell = (view.at / CELL).floor();
            let tone =
                hash01((cell.x as i32 as u32).wrapping_mul(0x9E37) ^ (cell.y as i32 as u32).wrapping_mul(0x85EB_CA6B));
            let keep = (1.0 - 0.5 * view.size() / CELL).clamp(0.0, 1.0);
            patch.albedo *= (1.0 + 0.14 * (tone - 0.5) * keep) * (1.0 - 0.22 * seam);
        }
        patch
    }

    /// Smooth noise, or noise in flat steps where the look wants it.
    fn toned(&self, value: f32) -> f32 {
        if self.look != Look::Cartoon {
            return value;
        }
        let scaled = value * 1.6;
        let step = floor(scaled) as f32;
        (step + smoothstep(0.40, 0.60, scaled - step)) / 1.6
    }

    fn noise(&self, view: &Footprint, scale: f32) -> f32 {
        self.toned(CLOUDY.sample(
            view.at.x * scale + self.shift.x,
            view.at.y * scale + self.shift.y,
            view.size() * scale,
        ))
    }

    fn fine(&self, view: &Footprint, scale_x: f32, scale_z: f32) -> f32 {
        if self.look == Look::Cartoon {
            return 0.0;
        }
        let footprint = view.size() * scale_x.max(scale_z);
        FINE.sample(view.at.x * scale_x + self.shift.y, view.at.y * scale_z + self.shift.x, footprint)
    }

    fn grass(&self, patch: &mut Patch, view: &Footprint) {
        let broad = self.noise(view, 0.045);
        let blades = self.fine(view, 0.16, 0.07);
        let (dark, light, dry) =
            (Vec3::new(0.085, 0.155, 0.032), Vec3::new(0.215, 0.315, 0.075), Vec3::new(0.33, 0.33, 0.115));
        let mix = (0.5 + 0.30 * blades + 0.22 * broad).clamp(0.0, 1.0);
        patch.albedo = dark.lerp(light, mix).lerp(dry, 0.5 * smoothstep(0.1, 1.3, broad));
    }

    fn sand(&self, patch: &mut Patch, view: &Footprint) {
        let broad = self.noise(view, 0.05);
        let grain = self.fine(view, 0.11, 0.11);
        let phase = (view.at.x * 0.35 + view.at.y) * 5.2 + broad * 3.0 + self.noise(view, 0.02) * 5.0;
        let fade = (1.0 - view.size() * 2.4).clamp(0.0, 1.0);
        let ripple = phase.sin() * fade;
        let base = Vec3::new(0.66, 0.53, 0.36).lerp(Vec3::new(0.55, 0.42, 0.27), (0.5 + 0.4 * broad).clamp(0.0, 1.0));
        patch.albedo = base * (1.0 + 0.05 * ripple + 0.05 * grain);
        patch.normal = Vec3::new(0.035 * ripple, 1.0, 0.10 * ripple).normalize();
    }

    fn snow(&self, patch: &mut Patch, view: &Footprint) {
        let broad = self.noise(view, 0.035);
        let slope = self.noise(view, 0.06);
        let base = Vec3::new(0.68, 0.715, 0.77);
        patch.albedo = base * (1.0 + 0.05 * broad);
        patch.normal = Vec3::new(0.10 * slope, 1.0, 0.12 * broad).normalize();
    }

    fn tiles(&self, patch: &mut Patch, view: &Footprint) {
        let (half_x, half_z) = view.half_extents();
        let side = 1.0;
        let check = band(view.at.x / side, half_x / side) * band(view.at.y / side, half_z / side);
        let stone = self.noise(view, 0.07);
        let (light, dark) = (Vec3::new(0.56, 0.53, 0.48), Vec3::new(0.20, 0.21, 0.235));
        let gap = 1.0 - 0.45 * seams(view.at.x / side, half_x / side).max(seams(view.at.y / side, half_z / side));
        patch.albedo = dark.lerp(light, 0.5 + 0.5 * check) * ((1.0 + 0.10 * stone) * gap);
        patch.mirror = 0.02;
    }

    fn floor(&self, patch: &mut Patch, view: &Footprint) {
        const PLANK: f32 = 0.42;
        let (half_x, half_z) = view.half_extents();
        let across = view.at.y / PLANK;
        let plank = floor(across);
        let offset = hash01(plank as u32 ^ 0x51AB) * 7.0;
        let length = 3.1;
        let along = (view.at.x + offset) / length;
        let tone = hash01((plank as u32).wrapping_mul(31) ^ floor(along) as u32 ^ 0x77);
        // Where a pixel covers several planks their tones average out.
        let keep = (1.2 - 1.6 * half_z / PLANK).clamp(0.0, 1.0);
        let grain = self.fine(view, 0.05, 0.32);
        let base = Vec3::new(0.43, 0.265, 0.145);
        let gap = seams(across, half_z / PLANK).max(seams(along, half_x / length) * 0.8);
        patch.albedo = base * ((1.0 + (tone - 0.5) * 0.34 * keep + 0.10 * grain) * (1.0 - 0.4 * gap));
        patch.mirror = 0.03;
        let corner = |distance: f32| 1.0 - 0.4 * (-distance.max(0.0) * 1.3).exp();
        patch.open = corner(view.at.y - WALL_Z) * corner(WALL_X - view.at.x.abs());
    }

    fn wall(&self, patch: &mut Patch, ray: &Ray, point: Vec3) {
        let walls = self.walls(ray);
        let which = (0..5).min_by(|&a, &b| walls[a].total_cmp(&walls[b])).unwrap_or(0);
        patch.normal = [Vec3::Z, Vec3::X, Vec3::NEG_X, Vec3::NEG_Z, Vec3::NEG_Y][which];
        patch.albedo = self.wall;
        let corner = |distance: f32| 1.0 - 0.3 * (-distance.max(0.0) * 1.1).exp();
        match which {
            4 => patch.albedo = Vec3::splat(0.78),
            0 | 3 => patch.open = corner(WALL_X - point.x.abs()) * corner(point.y),
            _ => patch.open = corner(point.z - WALL_Z) * corner(point.y),
        }
        if which < 4 && point.y < 0.32 {
            // A skirting board.
            patch.albedo = Vec3::splat(0.74) * if point.y > 0.28 { 0.7 } else { 1.0 };
        }
    }

    fn sea(&self, patch: &mut Patch, view: &Footprint, time_secs: f32) {
        let mut slope = Vec2::ZERO;
        for (index, &(x, z, steep)) in WAVES.iter().enumerate() {
            let k = Vec2::new(x, z);
            let number = k.length();
            let keep = 1.0 / (1.0 + (view.size() * number * 0.55).powi(2));
            let phase =
                k.dot(view.at) - (9.81 * number).sqrt() * time_secs * 0.8 + index as f32 * 1.7 + self.shift.x * 6.0;
            slope += k * (steep / number * keep * phase.cos());
        }
        patch.normal = Vec3::new(-slope.x, 1.0, -slope.y).normalize();
        patch.albedo = Vec3::new(0.02, 0.10, 0.13);
        patch.mirror = 0.02;
    }
}

/// Wave numbers per metre in x and z, and steepness.
const WAVES: [(f32, f32, f32); 6] = [
    (0.55, 0.85, 0.060),
    (-0.9, 1.2, 0.060),
    (1.9, 1.1, 0.055),
    (-1.2, 2.9, 0.048),
    (3.6, 2.6, 0.036),
    (-4.6, 3.8, 0.026),
];

/// What one pixel covers of the ground.
struct Footprint {
    at: Vec2,
    /// Metres across the line of sight.
    across: f32,
    /// Metres along the line of sight, longer at grazing angles.
    along: f32,
    ray: Vec3,
}

impl Footprint {
    /// One length for both directions.
    fn size(&self) -> f32 {
        (self.across * self.along).sqrt()
    }

    /// Half the extent in `x` and in `z`.
    fn half_extents(&self) -> (f32, f32) {
        let flat = Vec2::new(self.ray.x, self.ray.z).normalize_or(Vec2::Y).abs();
        (0.5 * (flat.x * self.along + flat.y * self.across), 0.5 * (flat.y * self.along + flat.x * self.across))
    }
}

/// A square wave of period 2 between −1 and 1, averaged over `at ± half`.
fn band(at: f32, half: f32) -> f32 {
    let half = half.max(1e-4);
    // The integral of the square wave is a triangle wave.
    let triangle = |x: f32| {
        let phase = x * 0.5 - floor(x * 0.5) as f32;
        1.0 - (phase * 2.0 - 1.0).abs()
    };
    ((triangle(at + half) - triangle(at - half)) / (2.0 * half)).clamp(-1.0, 1.0)
}

/// Thin lines at whole numbers, fading where they are thinner than `half`.
fn seams(at: f32, half: f32) -> f32 {
    const WIDTH: f32 = 0.025;
    let from_line = (at - floor(at + 0.5) as f32).abs();
    let blur = half.max(0.01);
    (1.0 - smoothstep(WIDTH, WIDTH + 2.0 * blur, from_line)) * (WIDTH / (WIDTH + blur)).min(1.0)
}
