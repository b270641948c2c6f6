//! The five unit solids: where a ray enters them, and how far a point is from them.

use crate::stage::Shape;
use glam::{Vec2, Vec3};

pub(crate) const BALL_RADIUS: f32 = 0.5;
pub(crate) const CUBE_HALF: f32 = 0.45;
pub(crate) const CYLINDER_RADIUS: f32 = 0.45;
pub(crate) const CYLINDER_HALF: f32 = 0.45;
pub(crate) const CONE_RADIUS: f32 = 0.55;
pub(crate) const CONE_HALF: f32 = 0.5;
pub(crate) const RING_RADIUS: f32 = 0.4;
pub(crate) const TUBE_RADIUS: f32 = 0.16;

/// Where a ray enters a solid, in the solid's own space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Distance along the ray.
    pub(crate) t: f32,
    /// Outward unit normal.
    pub(crate) normal: Vec3,
}

/// Radius of the smallest centred sphere that holds the solid.
pub(crate) fn bounding_radius(shape: Shape) -> f32 {
    match shape {
        Shape::Ball => BALL_RADIUS,
        Shape::Cube => 0.7795,
        Shape::Cylinder => 0.6365,
        Shape::Cone => 0.7434,
        Shape::Ring => RING_RADIUS + TUBE_RADIUS,
    }
}

/// Radius of the largest centred sphere inside the solid; 0 for the ring.
pub(crate) fn inscribed_radius(shape: Shape) -> f32 {
    match shape {
        Shape::Ball => BALL_RADIUS,
        Shape::Cube | Shape::Cylinder => CUBE_HALF,
        Shape::Cone => 0.24,
        Shape::Ring => 0.0,
    }
}

/// Where a ray from outside with unit `direction` enters the solid; `None` when it misses or starts past it.
#[inline]
pub(crate) fn enter(shape: Shape, origin: Vec3, direction: Vec3) -> Option<Entry> {
    match shape {
        Shape::Ball => enter_ball(origin, direction),
        Shape::Cube => enter_cube(origin, direction),
        Shape::Cylinder => enter_cylinder(origin, direction),
        Shape::Cone => enter_cone(origin, direction),
        Shape::Ring => enter_ring(origin, direction),
    }
}

/// Whether the ray enters the solid at all; for shadows.
#[inline]
pub(crate) fn blocks(shape: Shape, origin: Vec3, direction: Vec3) -> bool {
    match shape {
        Shape::Ring => {
            Chord::new(origin, direction).is_some_and(|chord| chord.quartic.first_fall(chord.low, chord.high).is_some())
        }
        _ => enter(shape, origin, direction).is_some(),
    }
}

/// Signed distance from `point` to the solid's surface, negative inside.
pub(crate) fn distance(shape: Shape, point: Vec3) -> f32 {
    match shape {
        Shape::Ball => point.length() - BALL_RADIUS,
        Shape::Cube => {
            let outside = point.abs() - Vec3::splat(CUBE_HALF);
            outside.max(Vec3::ZERO).length() + outside.max_element().min(0.0)
        }
        Shape::Cylinder => {
            let radial = Vec2::new(point.x, point.z).length();
            let outside = Vec2::new(radial - CYLINDER_RADIUS, point.y.abs() - CYLINDER_HALF);
            outside.max(Vec2::ZERO).length() + outside.max_element().min(0.0)
        }
        Shape::Cone => {
            let profile = Vec2::new(Vec2::new(point.x, point.z).length(), point.y);
            let (apex, rim) = (Vec2::new(0.0, CONE_HALF), Vec2::new(CONE_RADIUS, -CONE_HALF));
            let edge = rim - apex;
            let from_apex = profile - apex;
            let on_side = (from_apex.dot(edge) / edge.length_squared()).clamp(0.0, 1.0);
            let to_side = (from_apex - edge * on_side).length();
            let to_base = Vec2::new((profile.x - CONE_RADIUS).max(0.0), profile.y + CONE_HALF).length();
            let inside = profile.y > -CONE_HALF && edge.perp_dot(from_apex) < 0.0;
            let nearest = to_side.min(to_base);
            if inside { -nearest } else { nearest }
        }
        Shape::Ring => {
            let radial = Vec2::new(point.x, point.y).length() - RING_RADIUS;
            Vec2::new(radial, point.z).length() - TUBE_RADIUS
        }
    }
}

fn enter_ball(origin: Vec3, direction: Vec3) -> Option<Entry> {
    let along = origin.dot(direction);
    let discriminant = along * along - origin.length_squared() + BALL_RADIUS * BALL_RADIUS;
    if discriminant < 0.0 {
        return None;
    }
    let t = -along - discriminant.sqrt();
    (t > 0.0).then(|| Entry { t, normal: (origin + direction * t) * (1.0 / BALL_RADIUS) })
}

fn enter_cube(origin: Vec3, direction: Vec3) -> Option<Entry> {
    let inverse = direction.recip();
    // Written so that a direction of exactly 0 gives ±∞ and never ∞ − ∞.
    let (low, high) = ((Vec3::splat(-CUBE_HALF) - origin) * inverse, (Vec3::splat(CUBE_HALF) - origin) * inverse);
    let (near, far) = (low.min(high), low.max(high));
    let t = near.x.max(near.y).max(near.z);
    if t <= 0.0 || t > far.x.min(far.y).min(far.z) {
        return None;
    }
    let normal = if t == near.x {
        Vec3::new(-direction.x.signum(), 0.0, 0.0)
    } else if t == near.y {
        Vec3::new(0.0, -direction.y.signum(), 0.0)
    } else {
        Vec3::new(0.0, 0.0, -direction.z.signum())
    };
    Some(Entry { t, normal })
}

fn enter_cylinder(origin: Vec3, direction: Vec3) -> Option<Entry> {
    // The solid is an endless tube cut by a slab; the ray is inside it while it is inside both.
    let a = (direction.x * direction.x + direction.z * direction.z).max(1e-12);
    let b = origin.x * direction.x + origin.z * direction.z;
    let c = origin.x * origin.x + origin.z * origin.z - CYLINDER_RADIUS * CYLINDER_RADIUS;
    let discriminant = b * b - a * c;
    if discriminant < 0.0 {
        return None;
    }
    let root = discriminant.sqrt();
    let (tube_in, tube_out) = ((-b - root) / a, (-b + root) / a);
    let inverse = 1.0 / direction.y;
    let (low, high) = ((-CYLINDER_HALF - origin.y) * inverse, (CYLINDER_HALF - origin.y) * inverse);
    let (slab_in, slab_out) = (low.min(high), low.max(high));
    let t = tube_in.max(slab_in);
    if t <= 0.0 || t > tube_out.min(slab_out) {
        return None;
    }
    let normal = if slab_in > tube_in {
        Vec3::new(0.0, -direction.y.signum(), 0.0)
    } else {
        let point = origin + direction * t;
        Vec3::new(point.x, 0.0, point.z) * (1.0 / CYLINDER_RADIUS)
    };
    Some(Entry { t, normal })
}

fn enter_cone(origin: Vec3, direction: Vec3) -> Option<Entry> {
    const SLOPE: f32 = CONE_RADIUS / (2.0 * CONE_HALF);
    let mut nearest: Option<Entry> = None;
    // Base disc, entered from below only.
    if direction.y > 0.0 && origin.y < -CONE_HALF {
        let t = (-CONE_HALF - origin.y) / direction.y;
        let (x, z) = (origin.x + direction.x * t, origin.z + direction.z * t);
        if x * x + z * z <= CONE_RADIUS * CONE_RADIUS {
            return Some(Entry { t, normal: Vec3::NEG_Y });
        }
    }
    // Side: x² + z² = (slope · depth)², with the depth below the apex.
    let depth = CONE_HALF - origin.y;
    let a = direction.x * direction.x + direction.z * direction.z - SLOPE * SLOPE * direction.y * direction.y;
    let b = origin.x * direction.x + origin.z * direction.z + SLOPE * SLOPE * depth * direction.y;
    let c = origin.x * origin.x + origin.z * origin.z - SLOPE * SLOPE * depth * depth;
    let discriminant = b * b - a * c;
    if discriminant < 0.0 {
        return None;
    }
    // The form without cancellation, as `a` passes through 0.
    let q = -(b + discriminant.sqrt().copysign(b));
    for t in [q / a, c / q] {
        let y = origin.y + direction.y * t;
        if t > 0.0 && y.abs() <= CONE_HALF && nearest.is_none_or(|entry| t < entry.t) {
            let point = origin + direction * t;
            let normal = Vec3::new(point.x, SLOPE * SLOPE * (CONE_HALF - y), point.z).normalize_or(Vec3::Y);
            nearest = Some(Entry { t, normal });
        }
    }
    nearest.filter(|entry| entry.normal.dot(direction) <= 0.0)
}

fn enter_ring(origin: Vec3, direction: Vec3) -> Option<Entry> {
    let chord = Chord::new(origin, direction)?;
    let (low, high) = chord.quartic.first_fall(chord.low, chord.high)?;
    let s = chord.quartic.refine(low, high);
    let point = chord.nearest + direction * s;
    let radial = (point.x * point.x + point.y * point.y).sqrt().max(1e-6);
    let pull = 1.0 - RING_RADIUS / radial;
    let normal = Vec3::new(point.x * pull, point.y * pull, point.z).normalize_or(Vec3::Z);
    Some(Entry { t: s + chord.to_nearest, normal })
}

/// The part of a ray that may lie in the ring's tube.
///
/// Measured from the point nearest the centre, the ring's quartic has no cubic term.
struct Chord {
    nearest: Vec3,
    to_nearest: f32,
    low: f32,
    high: f32,
    quartic: Quartic,
}

impl Chord {
    #[inline]
    fn new(origin: Vec3, direction: Vec3) -> Option<Self> {
        let to_nearest = -origin.dot(direction);
        let nearest = origin + direction * to_nearest;
        let outer = RING_RADIUS + TUBE_RADIUS;
        let squared = nearest.length_squared();
        let reach_squared = outer * outer - squared;
        if reach_squared <= 0.0 {
            return None;
        }
        let reach = reach_squared.sqrt();
        let inverse = 1.0 / direction.z;
        let (front, back) = ((-TUBE_RADIUS - nearest.z) * inverse, (TUBE_RADIUS - nearest.z) * inverse);
        let low = front.min(back).max(-reach).max(-to_nearest);
        let high = front.max(back).min(reach);
        if low >= high {
            return None;
        }
        let c = squared + RING_RADIUS * RING_RADIUS - TUBE_RADIUS * TUBE_RADIUS;
        let four = 4.0 * RING_RADIUS * RING_RADIUS;
        let flat = |a: Vec3, b: Vec3| a.x * b.x + a.y * b.y;
        let p = 2.0 * c - four * flat(direction, direction);
        let q = -2.0 * four * flat(nearest, direction);
        let r = c * c - four * flat(nearest, nearest);
        Some(Self { nearest, to_nearest, low, high, quartic: Quartic { p, q, r } })
    }
}

/// `s⁴ + p s² + q s + r`.
struct Quartic {
    p: f32,
    q: f32,
    r: f32,
}

impl Quartic {
    fn at(&self, s: f32) -> f32 {
        ((s * s + self.p) * s + self.q) * s + self.r
    }

    /// First stretch of `low..high` in which the value falls through 0; between turning points it is monotone.
    #[inline]
    fn first_fall(&self, low: f32, high: f32) -> Option<(f32, f32)> {
        let mut from = low;
        let mut value = self.at(from);
        let (turns, count) = self.turning_points();
        for &turn in turns[..count].iter().chain(std::iter::once(&high)) {
            let to = turn.clamp(low, high);
            if to <= from {
                continue;
            }
            let next = self.at(to);
            if value > 0.0 && next <= 0.0 {
                return Some((from, to));
            }
            (from, value) = (to, next);
        }
        None
    }

    /// Zeros of `4 s³ + 2 p s + q`, ascending.
    fn turning_points(&self) -> ([f32; 3], usize) {
        // s³ + 3 m s + 2 n = 0
        let (m, n) = (self.p / 6.0, self.q / 8.0);
        let discriminant = n * n + m * m * m;
        if discriminant >= 0.0 {
            let big = -(n + discriminant.sqrt().copysign(n));
            let u = big.cbrt();
            let v = if u == 0.0 { 0.0 } else { -m / u };
            return ([u + v, 0.0, 0.0], 1);
        }
        let scale = (-m).sqrt();
        let (sin, cos) = third_of_angle((-n / (scale * scale * scale)).clamp(-1.0, 1.0));
        let (half, third) = (scale * cos, scale * sin * 1.732_050_8);
        ([-half - third, -half + third, 2.0 * half], 3)
    }

    /// Newton's method held inside a bracket where the value falls from positive to negative.
    fn refine(&self, mut low: f32, mut high: f32) -> f32 {
        let mut s = 0.5 * (low + high);
        for _ in 0..12 {
            let value = self.at(s);
            if value > 0.0 {
                low = s;
            } else {
                high = s;
            }
            let slope = (4.0 * s * s + 2.0 * self.p) * s + self.q;
            let newton = s - value / slope;
            let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
            if (next - s).abs() < 1e-6 {
                return next;
            }
            s = next;
        }
        s
    }
}

/// Sine and cosine of a third of the angle whose cosine is `cosine`, by Newton's method on 4 c³ − 3 c = cosine.
#[inline]
fn third_of_angle(cosine: f32) -> (f32, f32) {
    let mut c = 0.5 + 0.5 * (0.5 + 0.5 * cosine).sqrt();
    for _ in 0..2 {
        let squared = c * c;
        c -= ((4.0 * squared - 3.0) * c - cosine) / (12.0 * squared - 3.0).max(1e-3);
    }
    ((1.0 - c * c).max(0.0).sqrt(), c)
}

#[cfg(test)]
#[path = "solid_tests.rs"]
mod tests;
