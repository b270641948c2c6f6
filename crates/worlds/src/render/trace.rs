//! Follows one ray through a stage at one moment and tells what light comes back along it.

use super::{
    body::{Body, BodyHit, Ray},
    ground::{Ground, Patch},
    light::{Incoming, Rig},
    look,
    sky::Sky,
    texture::smoothstep,
    voxel,
};
use crate::stage::{Look, Material, Place, Shape, Stage};
use glam::Vec3;

/// A stage at one moment.
pub(crate) struct Scene<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) rig: &'a Rig,
    pub(crate) sky: &'a Sky,
    pub(crate) ground: &'a Ground,
    pub(crate) bodies: Vec<Body>,
    pub(crate) time_secs: f32,
    /// Angle that one pixel covers, in radians.
    pub(crate) pixel: f32,
    /// Height of the picture in pixels.
    pub(crate) rows: f32,
}

const INK: Vec3 = Vec3::new(0.018, 0.017, 0.024);

/// What came back along one ray.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Linear light.
    pub(crate) light: Vec3,
    /// Object index + 1, or 0.
    pub(crate) id: u8,
    /// Distance in metres; [`FAR`] for the sky.
    pub(crate) depth: f32,
    /// Bit `k` is set when object `k` lies on the ray, hidden or not; of the first 64.
    pub(crate) met: u64,
}

/// Farther than anything but the sky.
pub(crate) const FAR: f32 = 1e5;

/// How much care a ray deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Care {
    /// Seen directly: soft shadows and mirrors.
    Full,
    /// Seen in a mirror: hard shadows, no further mirrors.
    Mirrored,
}

/// A point of a surface with all that its lighting depends on.
struct Surface {
    point: Vec3,
    normal: Vec3,
    towards_eye: Vec3,
    albedo: Vec3,
    /// Index of the body that it belongs to.
    body: Option<usize>,
    care: Care,
}

impl Scene<'_> {
    /// Seeds everything random.
    pub(crate) fn key(&self) -> u32 {
        self.stage.seed as u32 ^ (self.stage.seed >> 32) as u32
    }

    /// The nearest body on the ray, if nearer than `reach`.
    #[inline]
    pub(crate) fn nearest(&self, ray: &Ray, reach: f32, except: Option<usize>) -> (Option<(usize, BodyHit)>, u64) {
        let mut found: Option<(usize, BodyHit)> = None;
        let mut met = 0u64;
        let mut nearest = reach;
        for (index, body) in self.bodies.iter().enumerate() {
            if Some(index) == except {
                continue;
            }
            if let Some(hit) = body.hit(ray, f32::MAX) {
                met |= 1u64.checked_shl(index as u32).unwrap_or(0);
                if hit.t < nearest {
                    nearest = hit.t;
                    found = Some((index, hit));
                }
            }
        }
        (found, met)
    }

    /// Whether the ray comes so near a body that it may meet it or its outline.
    pub(crate) fn may_meet(&self, ray: &Ray) -> bool {
        self.bodies.iter().any(|body| body.near(ray, 4.0 * self.pixel * (body.centre - ray.origin).length()))
    }

    /// Light, id and depth along a ray from the eye.
    pub(crate) fn look(&self, ray: &Ray) -> Sample {
        let mut sample = self.follow(ray, None, Care::Full);
        if matches!(self.stage.look, Look::Cartoon | Look::Pencil) {
            // As wide as a pixel at least, and in proportion to the picture beyond.
            let width = self.pixel * (self.rows / 110.0).max(0.85);
            let own = usize::from(sample.id).wrapping_sub(1);
            let inked = self
                .bodies
                .iter()
                .enumerate()
                .any(|(index, body)| index != own && look::outlined(body, ray, width, sample.depth));
            if inked {
                sample.light = INK;
            }
        }
        sample
    }

    fn follow(&self, ray: &Ray, except: Option<usize>, care: Care) -> Sample {
        // Curved mirrors shrink what they show, so detail must fade sooner in them.
        let pixel = if care == Care::Full { self.pixel } else { self.pixel * 6.0 };
        let ground = self.ground.distance(ray);
        let reach = ground.unwrap_or(f32::MAX);
        let (found, met) = self.nearest(ray, reach, except);
        if let Some((index, hit)) = found {
            let mut light = self.fog(self.body_light(ray, index, &hit, care), ray, hit.t);
            if care == Care::Full && matches!(self.stage.look, Look::Cartoon | Look::Pencil) {
                let width = self.pixel * hit.t * (self.rows / 130.0).max(0.7);
                light = light.lerp(INK, 0.8 * look::crease(&self.bodies[index], &hit, width));
            }
            return Sample { light, id: index as u8 + 1, depth: hit.t, met };
        }
        match ground {
            Some(t) => {
                let patch = self.ground.patch(ray, t, pixel, self.time_secs);
                Sample { light: self.fog(self.ground_light(ray, &patch, care), ray, t), id: 0, depth: t, met }
            }
            None => {
                Sample { light: self.sky.light(ray.direction, self.time_secs, pixel), id: 0, depth: 10.0 * FAR, met }
            }
        }
    }

    fn fog(&self, light: Vec3, ray: &Ray, t: f32) -> Vec3 {
        let depth = t / self.rig.fog_metres;
        if depth < 0.02 {
            return light;
        }
        let squared = depth * depth;
        let clear = 1.0 / (1.0 + squared * (1.0 + 0.5 * squared));
        self.sky.haze(ray.direction).lerp(light, clear)
    }

    fn ground_light(&self, ray: &Ray, patch: &Patch, care: Care) -> Vec3 {
        let point = ray.at(patch.t);
        let towards_eye = -ray.direction;
        if self.stage.place == Place::Sea {
            return self.sea_light(ray, patch, point, care);
        }
        let surface = Surface { point, normal: patch.normal, towards_eye, albedo: patch.albedo, body: None, care };
        let (diffuse, _) = self.lit(&surface, patch.open, 0.0);
        if patch.mirror <= 0.0 || care != Care::Full {
            return diffuse;
        }
        let facing = towards_eye.dot(patch.normal).clamp(0.0, 1.0);
        let fresnel = patch.mirror + (1.0 - patch.mirror) * 0.6 * (1.0 - facing).powi(5);
        let mirrored = self.mirrored(ray, point, patch.normal, None);
        diffuse * (1.0 - fresnel) + mirrored * fresnel
    }

    fn sea_light(&self, ray: &Ray, patch: &Patch, point: Vec3, care: Care) -> Vec3 {
        let towards_eye = -ray.direction;
        let facing = towards_eye.dot(patch.normal).clamp(0.0, 1.0);
        let fresnel = 0.05 + 0.88 * (1.0 - facing).powi(4);
        // Waves that lean towards the eye let more of the lit water through.
        let lean = (1.0 + 5.0 * (patch.normal.x * towards_eye.x + patch.normal.z * towards_eye.z)).clamp(0.4, 2.2);
        let water = patch.albedo * lean * (self.rig.ambient_up * 1.6 + self.rig.lights[0].at(point).colour * 0.6);
        let mut reflected = reflect(ray.direction, patch.normal);
        reflected.y = reflected.y.abs().max(0.02);
        let reflected = reflected.normalize();
        let mirror_ray = Ray { origin: point, direction: reflected };
        let mut mirrored = self.sky.light(reflected, self.time_secs, self.pixel * 6.0);
        if care == Care::Full
            && let (Some((index, hit)), _) = self.nearest(&mirror_ray, 1e3, None)
        {
            mirrored = self.body_light(&mirror_ray, index, &hit, Care::Mirrored);
        }
        let shade = self.shade(point + Vec3::Y * 1e-3, None, care);
        let glitter = reflected.dot(self.rig.sun).max(0.0).powi(64);
        let glitter = self.rig.disc * (0.22 * glitter * shade);
        water * (0.75 + 0.25 * shade) * (1.0 - fresnel) + mirrored * fresnel + glitter
    }

    fn body_light(&self, ray: &Ray, index: usize, hit: &BodyHit, care: Care) -> Vec3 {
        let body = &self.bodies[index];
        let mut albedo = body.albedo;
        if body.material == Material::Striped {
            albedo = albedo.lerp(body.second_albedo, stripes(body, hit, self.pixel * hit.t));
        }
        if self.stage.look == Look::Voxel {
            albedo *= 1.0 - 0.28 * cube_edge(body, hit, self.pixel * hit.t);
        }
        let towards_eye = -ray.direction;
        let point = ray.at(hit.t) + hit.normal * (1e-3 * body.size);
        let surface = Surface { point, normal: hit.normal, towards_eye, albedo, body: Some(index), care };
        // Near the ground, what faces down sees its own shade there.
        let low = smoothstep(0.0, 0.9 * body.size, point.y.max(0.0));
        let open = 1.0 - 0.45 * (1.0 - low) * (0.5 - 0.5 * hit.normal.y);
        let shininess = match body.material {
            Material::Matte | Material::Striped => 0.06,
            Material::Glossy => 0.55,
            Material::Metal => 0.8,
        };
        let (diffuse, highlight) = self.lit(&surface, open, shininess);
        let facing = towards_eye.dot(hit.normal).clamp(0.0, 1.0);
        let rim = (1.0 - facing).powi(5);
        match body.material {
            Material::Matte | Material::Striped => diffuse + highlight,
            Material::Glossy => {
                let fresnel = 0.035 + 0.45 * rim;
                let soft = self.surroundings(reflect(ray.direction, hit.normal));
                diffuse * (1.0 - fresnel) + soft * fresnel + highlight
            }
            Material::Metal => {
                let mirrored = if care == Care::Full {
                    self.mirrored(ray, point, hit.normal, Some(index))
                } else {
                    self.surroundings(reflect(ray.direction, hit.normal))
                };
                let tint = albedo.lerp(Vec3::ONE, 0.06 + 0.5 * rim);
                diffuse * 0.45 + mirrored * tint * 0.75 + highlight * albedo.lerp(Vec3::ONE, 0.5)
            }
        }
    }

    /// A cheap picture of the surroundings for soft reflections.
    fn surroundings(&self, direction: Vec3) -> Vec3 {
        let below = self.rig.ambient_down * 0.9;
        if self.stage.place == Place::Room {
            return below.lerp(self.rig.ambient_up, smoothstep(-0.6, 0.6, direction.y));
        }
        below.lerp(self.sky.plain(direction), smoothstep(-0.12, 0.12, direction.y))
    }

    fn mirrored(&self, ray: &Ray, point: Vec3, normal: Vec3, except: Option<usize>) -> Vec3 {
        let direction = reflect(ray.direction, normal);
        let except = except.filter(|&index| self.bodies[index].shape != Shape::Ring);
        self.follow(&Ray { origin: point + normal * 1e-3, direction }, except, Care::Mirrored).light
    }

    /// Diffuse light and highlight; `open` scales the light of sky and ground.
    fn lit(&self, surface: &Surface, open: f32, shininess: f32) -> (Vec3, Vec3) {
        let up = 0.5 + 0.5 * surface.normal.y;
        let mut ambient = self.rig.ambient_down.lerp(self.rig.ambient_up, up) * open;
        for (index, body) in self.bodies.iter().enumerate() {
            if Some(index) != surface.body {
                let covered = body.covers(surface.point, surface.normal);
                if covered > 0.0 {
                    // Part of the covered light comes back in the body's own colour.
                    ambient *= Vec3::splat(1.0 - covered) + body.albedo * (0.3 * covered);
                }
            }
        }
        let mut received = ambient;
        let mut highlight = Vec3::ZERO;
        for light in &self.rig.lights {
            let incoming = light.at(surface.point);
            let facing = surface.normal.dot(incoming.towards);
            if facing <= 0.0 {
                continue;
            }
            let shade = self.unshaded(surface.point, surface.body, &incoming, surface.care);
            if shade <= 0.0 {
                continue;
            }
            let colour = incoming.colour * shade;
            if self.stage.look == Look::Cartoon {
                received += incoming.colour * look::stepped(facing * shade) * 0.9;
                continue;
            }
            received += colour * facing;
            if shininess > 0.0 {
                let half = (incoming.towards + surface.towards_eye).normalize();
                let glint = surface.normal.dot(half).max(0.0);
                let glint = glint * glint;
                let glint = glint * glint;
                let wide = glint * glint;
                let narrow = (wide * wide) * (wide * wide);
                let lobe = if shininess > 0.3 { narrow * narrow * 0.9 } else { wide };
                highlight += colour * (lobe * shininess * (facing * 8.0).min(1.0));
            }
        }
        (received * surface.albedo, highlight)
    }

    fn shade(&self, point: Vec3, body: Option<usize>, care: Care) -> f32 {
        self.unshaded(point, body, &self.rig.lights[0].at(point), care)
    }

    /// Share of a light that reaches `point` past all bodies.
    fn unshaded(&self, point: Vec3, own: Option<usize>, incoming: &Incoming, care: Care) -> f32 {
        let mut share = 1.0;
        for (index, body) in self.bodies.iter().enumerate() {
            if Some(index) == own && body.shape != Shape::Ring {
                continue;
            }
            if care == Care::Full {
                share *= body.light_past(point, incoming.towards, incoming.spread, incoming.reach);
            } else if body.hides(point, incoming.towards, incoming.reach) {
                return 0.0;
            }
            if share <= 0.0 {
                return 0.0;
            }
        }
        share
    }
}

/// 0 on the first tone and 1 on the second: six sectors around the solid's axis, edges as wide as `footprint`.
fn stripes(body: &Body, hit: &BodyHit, footprint: f32) -> f32 {
    let (a, b) =
        if body.shape == Shape::Ring { (hit.painted.x, hit.painted.y) } else { (hit.painted.x, hit.painted.z) };
    let squared = (a * a + b * b).max(1e-6);
    let radius = squared.sqrt();
    // sin 3θ
    let wave = b * (3.0 * a * a - b * b) / (squared * radius);
    let blur = (3.0 * footprint / (radius * body.size)).clamp(0.02, 3.0);
    (0.5 + 0.5 * wave / blur).clamp(0.0, 1.0)
}

/// 1 at the edges of a small cube's face, 0 inside, fading where cubes are hardly larger than `footprint`.
fn cube_edge(body: &Body, hit: &BodyHit, footprint: f32) -> f32 {
    let across = (hit.local - hit.painted).abs() * (Vec3::ONE - hit.local_normal.abs());
    let from_edge = 0.5 * voxel::EDGE - across.max_element();
    let blur = footprint / body.size;
    (1.0 - smoothstep(0.008, 0.008 + 1.2 * blur, from_edge)) * (1.3 - 3.0 * blur / voxel::EDGE).clamp(0.0, 1.0)
}

fn reflect(direction: Vec3, normal: Vec3) -> Vec3 {
    direction - normal * (2.0 * direction.dot(normal))
}
