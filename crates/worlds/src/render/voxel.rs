//! The five solids built of small cubes, in each solid's own axes, so that a turning object keeps its cubes.

use super::solid::{self, Entry};
use crate::stage::Shape;
use glam::{IVec3, Vec3};
use std::sync::LazyLock;

/// Cubes along each axis of the grid.
const COUNT: usize = 9;
/// Edge of a cube for a solid of size 1: seven make up the cube's side.
pub(crate) const EDGE: f32 = 0.9 / 7.0;
const HALF: f32 = EDGE * COUNT as f32 * 0.5;

type Grid = [bool; COUNT * COUNT * COUNT];

static GRIDS: LazyLock<[Grid; 5]> =
    LazyLock::new(|| [Shape::Ball, Shape::Cube, Shape::Cylinder, Shape::Cone, Shape::Ring].map(built));

/// Where the ray enters the cubes, and the middle of the cube that it meets.
pub(crate) fn enter(shape: Shape, origin: Vec3, direction: Vec3) -> Option<(Entry, Vec3)> {
    let grid = &GRIDS[shape as usize];
    let inverse = direction.recip();
    let (low, high) = ((Vec3::splat(-HALF) - origin) * inverse, (Vec3::splat(HALF) - origin) * inverse);
    let (near, far) = (low.min(high), low.max(high));
    let start = near.x.max(near.y).max(near.z).max(0.0);
    if start >= far.x.min(far.y).min(far.z) {
        return None;
    }
    let mut axis = if near.x >= start {
        0
    } else if near.y >= start {
        1
    } else {
        2
    };
    let inside = (origin + direction * (start + 1e-5) + Vec3::splat(HALF)) * (1.0 / EDGE);
    let mut cell = inside.floor().as_ivec3().clamp(IVec3::ZERO, IVec3::splat(COUNT as i32 - 1));
    let step = IVec3::new(sign(direction.x), sign(direction.y), sign(direction.z));
    let stride = inverse.abs() * EDGE;
    let ahead = (cell + (step + IVec3::ONE) / 2).as_vec3() * EDGE - Vec3::splat(HALF);
    let mut next = ((ahead - origin) * inverse).to_array();
    let mut t = start;
    loop {
        let index = (cell.z as usize * COUNT + cell.y as usize) * COUNT + cell.x as usize;
        if grid[index] {
            let mut normal = Vec3::ZERO;
            normal[axis] = -step[axis] as f32;
            return Some((Entry { t, normal }, centre(cell)));
        }
        axis = if next[0] < next[1] && next[0] < next[2] {
            0
        } else if next[1] < next[2] {
            1
        } else {
            2
        };
        t = next[axis];
        next[axis] += stride[axis];
        cell[axis] += step[axis];
        if cell[axis] < 0 || cell[axis] >= COUNT as i32 {
            return None;
        }
    }
}

fn sign(value: f32) -> i32 {
    if value < 0.0 { -1 } else { 1 }
}

fn centre(cell: IVec3) -> Vec3 {
    (cell.as_vec3() + Vec3::splat(0.5)) * EDGE - Vec3::splat(HALF)
}

fn built(shape: Shape) -> Grid {
    std::array::from_fn(|index| {
        let cell = IVec3::new((index % COUNT) as i32, (index / COUNT % COUNT) as i32, (index / COUNT / COUNT) as i32);
        solid::distance(shape, centre(cell)) < 0.012
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::texture::hash01;

    #[test]
    fn rays_enter_the_first_cube_that_small_steps_find() {
        for shape in [Shape::Ball, Shape::Cone, Shape::Ring] {
            for index in 0..600u32 {
                let chance = |salt: u32| hash01(index * 8 + salt) * 2.0 - 1.0;
                let origin = Vec3::new(chance(0), chance(1), chance(2)).normalize_or(Vec3::X) * 2.0;
                let target = Vec3::new(chance(3), chance(4), chance(5)) * 0.4;
                let direction = (target - origin).normalize();
                let filled = |t: f32| {
                    let cell = ((origin + direction * t + Vec3::splat(HALF)) / EDGE).floor().as_ivec3();
                    let inside = cell.cmpge(IVec3::ZERO).all() && cell.cmplt(IVec3::splat(COUNT as i32)).all();
                    inside
                        && GRIDS[shape as usize][(cell.z as usize * COUNT + cell.y as usize) * COUNT + cell.x as usize]
                };
                let stepped = (0..8000).map(|step| step as f32 * 5e-4).find(|&t| filled(t));
                let entered = enter(shape, origin, direction);
                match (stepped, entered) {
                    (None, None) => {}
                    // Small steps may jump over a cube's corner, but not find one earlier.
                    (stepped, Some((entry, middle))) => {
                        assert!(stepped.is_none_or(|t| entry.t < t + 1e-4), "{shape:?} {index}");
                        let from_middle = (origin + direction * entry.t - middle).abs().max_element();
                        assert!((from_middle - 0.5 * EDGE).abs() < 1e-5, "{shape:?} {index}: {from_middle}");
                        assert!(solid::distance(shape, middle) < 0.012, "{shape:?} {index}: not a cube of it");
                    }
                    (Some(t), None) => panic!("{shape:?} {index}: missed a cube at {t}"),
                }
            }
        }
    }
}
