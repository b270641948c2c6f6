//! Posed objects: rays against them, the shade they throw and the light they keep out.

use super::{solid, texture::smoothstep, voxel};
use crate::stage::{Look, Material, Pose, Prop, Shape};
use glam::{Mat3, Vec3};

/// A ray with unit direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ray {
    pub(crate) origin: Vec3,
    pub(crate) direction: Vec3,
}

impl Ray {
    pub(crate) fn at(&self, t: f32) -> Vec3 {
        self.origin + self.direction * t
    }
}

/// An object at one moment, ready for rays.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) shape: Shape,
    pub(crate) material: Material,
    pub(crate) centre: Vec3,
    pub(crate) size: f32,
    pub(crate) albedo: Vec3,
    pub(crate) second_albedo: Vec3,
    /// World axes to the solid's own.
    to_local: Mat3,
    to_world: Mat3,
    inverse_size: f32,
    bound: f32,
    /// Built of small cubes.
    cubes: bool,
}

/// Where a ray meets a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyHit {
    pub(crate) t: f32,
    pub(crate) normal: Vec3,
    /// The point in the solid's own unit space.
    pub(crate) local: Vec3,
    pub(crate) local_normal: Vec3,
    /// Where its colour is read: the same point, or the middle of its small cube.
    pub(crate) painted: Vec3,
}

impl Body {
    pub(crate) fn new(prop: &Prop, pose: &Pose, look: Look) -> Self {
        let to_world = Mat3::from_quat(pose.rotation.normalize());
        Self {
            shape: prop.shape,
            material: prop.material,
            centre: pose.position,
            size: prop.size,
            albedo: super::palette::albedo(prop.colour),
            second_albedo: super::palette::stripe_albedo(prop.colour),
            to_local: to_world.transpose(),
            to_world,
            inverse_size: 1.0 / prop.size,
            bound: solid::bounding_radius(prop.shape) * prop.size,
            cubes: look == Look::Voxel,
        }
    }

    /// Where the ray enters, when that is nearer than `nearest`.
    #[inline]
    pub(crate) fn hit(&self, ray: &Ray, nearest: f32) -> Option<BodyHit> {
        if !self.near(ray, 0.0) {
            return None;
        }
        let (origin, direction) = self.local_ray(ray);
        let (entry, painted) = if self.cubes {
            let (entry, middle) = voxel::enter(self.shape, origin, direction)?;
            (entry, Some(middle))
        } else {
            (solid::enter(self.shape, origin, direction)?, None)
        };
        let t = entry.t * self.size;
        (t < nearest).then(|| {
            let local = origin + direction * entry.t;
            let painted = painted.unwrap_or(local);
            BodyHit { t, normal: self.to_world * entry.normal, local, local_normal: entry.normal, painted }
        })
    }

    /// Where the ray enters the body's solid scaled about its centre.
    pub(crate) fn scaled_hit(&self, ray: &Ray, scale: f32) -> Option<f32> {
        let (origin, direction) = self.local_ray(ray);
        solid::enter(self.shape, origin / scale, direction).map(|entry| entry.t * self.size * scale)
    }

    /// Whether the ray comes within `margin` of the bounding sphere.
    #[inline]
    pub(crate) fn near(&self, ray: &Ray, margin: f32) -> bool {
        let to_centre = self.centre - ray.origin;
        let along = to_centre.dot(ray.direction);
        let reach = self.bound + margin;
        along > -reach && to_centre.length_squared() - along * along < reach * reach
    }

    /// Whether anything of the body lies on the ray.
    #[inline]
    fn blocks(&self, ray: &Ray) -> bool {
        let (origin, direction) = self.local_ray(ray);
        solid::blocks(self.shape, origin, direction)
    }

    fn local_ray(&self, ray: &Ray) -> (Vec3, Vec3) {
        let origin = self.to_local * (ray.origin - self.centre) * self.inverse_size;
        (origin, self.to_local * ray.direction)
    }

    /// Share of a round light's disc that is still seen from `point` past this body.
    ///
    /// `towards` is the unit direction to the light's middle, `spread` the tangent of its angular radius.
    pub(crate) fn light_past(&self, point: Vec3, towards: Vec3, spread: f32, reach: f32) -> f32 {
        let to_centre = self.centre - point;
        let along = to_centre.dot(towards);
        if along < -self.bound || along - self.bound > reach {
            return 1.0;
        }
        let aside = (to_centre.length_squared() - along * along).max(0.0).sqrt();
        let penumbra = spread * along.max(0.0);
        if aside > self.bound + penumbra {
            return 1.0;
        }
        if self.shape == Shape::Ball {
            let blur = penumbra.max(0.004 * self.size);
            return smoothstep(self.bound - blur, self.bound + blur, aside);
        }
        if aside + penumbra < solid::inscribed_radius(self.shape) * self.size && along > 0.0 {
            return 0.0;
        }
        let side = towards.any_orthonormal_vector();
        let other = towards.cross(side);
        let seen = |(x, y): &(f32, f32)| {
            let direction = (towards + (side * *x + other * *y) * spread).normalize();
            !self.blocks(&Ray { origin: point, direction })
        };
        // Where four points of the rim agree, so does nearly always the rest.
        let (rim, rest) = DISC.split_at(4);
        let count = rim.iter().filter(|at| seen(at)).count();
        match count {
            0 => 0.0,
            4 => 1.0,
            _ => (count + rest.iter().filter(|at| seen(at)).count()) as f32 * (1.0 / DISC.len() as f32),
        }
    }

    /// Whether the light's middle is hidden by this body.
    pub(crate) fn hides(&self, point: Vec3, towards: Vec3, reach: f32) -> bool {
        let ray = Ray { origin: point, direction: towards };
        self.near(&ray, 0.0) && self.hit(&ray, reach).is_some()
    }

    /// How much of the sky over (`point`, `normal`) this body covers, 0 to 1, from its distance.
    pub(crate) fn covers(&self, point: Vec3, normal: Vec3) -> f32 {
        let reach = 0.75 * self.size;
        let to_centre = self.centre - point;
        if to_centre.length_squared() > (self.bound + reach) * (self.bound + reach) {
            return 0.0;
        }
        let step = 0.2 * self.size;
        let local = self.to_local * (point + normal * step - self.centre) * self.inverse_size;
        let distance = solid::distance(self.shape, local).max(0.0) * self.size;
        let near = (1.0 - distance / reach).max(0.0);
        0.8 * near * near
    }
}

/// Twelve points spread evenly over the unit disc (a sunflower's seeds), four of the rim first.
const DISC: [(f32, f32); 12] = [
    (0.7903, 0.2886),
    (-0.8236, 0.3394),
    (0.3958, -0.8481),
    (0.2918, 0.9337),
    (0.2041, 0.0),
    (-0.2607, 0.2388),
    (0.0399, -0.4547),
    (0.3284, 0.4284),
    (-0.6030, -0.1066),
    (0.5713, -0.3634),
    (-0.1910, 0.7111),
    (-0.3644, -0.7017),
];
