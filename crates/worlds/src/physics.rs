//! Rigid bodies that fall, roll, slide and collide, by rapier.

use glam::Vec3;
use rapier3d::prelude::{
    CoefficientCombineRule, ColliderBuilder, MassProperties, PhysicsWorld, Pose3, RigidBodyBuilder, RigidBodyHandle,
};

use crate::stage::{Pose, Prop, Shape};

/// Simulated steps per second.
pub(crate) const STEPS_PER_SEC: f64 = 240.0;
/// Physics steps within each of them: at a landing, an object sinks in by about its speed times one step.
const SUBSTEPS: usize = 4;
/// Gravity in m/s².
pub(crate) const GRAVITY: f32 = 9.81;

/// How an object starts, and what it is like to touch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    pub pose: Pose,
    /// Velocity of the centre of the solid in m/s.
    pub velocity: Vec3,
    /// Angular velocity in rad/s.
    pub spin: Vec3,
    pub friction: f32,
    pub restitution: f32,
    /// Relative to that of other objects.
    pub density: f32,
    /// Whether it can be moved at all; scenery cannot.
    pub movable: bool,
}

impl Body {
    /// Something that stands there and does not give way.
    pub fn scenery(pose: Pose) -> Self {
        Self {
            pose,
            velocity: Vec3::ZERO,
            spin: Vec3::ZERO,
            friction: 0.8,
            restitution: 0.1,
            density: 1.0,
            movable: false,
        }
    }
}

/// Poses of all objects after 0, 1, …, `steps` steps of 1/240 s, above ground at `y = 0`.
pub(crate) fn simulate(props: &[Prop], bodies: &[Body], steps: usize) -> Vec<Vec<Pose>> {
    let mut world = PhysicsWorld::new();
    world.gravity = Vec3::new(0.0, -GRAVITY, 0.0);
    world.integration_parameters.dt = (1.0 / (STEPS_PER_SEC * SUBSTEPS as f64)) as f32;
    world.insert(RigidBodyBuilder::fixed(), ground());
    let handles: Vec<_> = props.iter().zip(bodies).map(|(prop, body)| insert(&mut world, prop, body)).collect();
    let mut moments = Vec::with_capacity(steps + 1);
    moments.push(bodies.iter().map(|body| body.pose).collect());
    for _ in 0..steps {
        for _ in 0..SUBSTEPS {
            world.step();
        }
        moments.push(handles.iter().map(|&handle| pose_of(&world, handle)).collect());
    }
    moments
}

fn ground() -> ColliderBuilder {
    // A thick slab rather than a half-space: a slab has corners to build stable contacts from.
    ColliderBuilder::cuboid(200.0, 5.0, 200.0).translation(Vec3::new(0.0, -5.0, 0.0)).friction(1.0).restitution(0.0)
}

fn insert(world: &mut PhysicsWorld, prop: &Prop, body: &Body) -> RigidBodyHandle {
    let Pose { position, rotation } = body.pose;
    let builder = if body.movable { RigidBodyBuilder::dynamic() } else { RigidBodyBuilder::fixed() };
    let builder = builder.pose(Pose3::from_parts(position, rotation)).angvel(body.spin).can_sleep(false);
    let collider = collider(prop, body.density)
        .friction(body.friction)
        .friction_combine_rule(CoefficientCombineRule::Multiply)
        .restitution(body.restitution)
        .restitution_combine_rule(CoefficientCombineRule::Max);
    let (handle, _) = world.insert(builder, collider);
    if body.movable {
        let rigid = &mut world.bodies[handle];
        rigid.recompute_mass_properties_from_colliders(&world.colliders);
        // rapier wants the velocity of the centre of mass, which for a cone is not its centre.
        let arm = rigid.center_of_mass() - position;
        rigid.set_linvel(body.velocity + body.spin.cross(arm), true);
    }
    handle
}

/// The solid that an object is for the physics: exactly the one that is drawn, or its convex hull for a ring.
fn collider(prop: &Prop, density: f32) -> ColliderBuilder {
    let size = prop.size;
    let builder = match prop.shape {
        Shape::Ball => ColliderBuilder::ball(0.5 * size),
        Shape::Cube => ColliderBuilder::cuboid(0.45 * size, 0.45 * size, 0.45 * size),
        Shape::Cylinder => ColliderBuilder::cylinder(0.45 * size, 0.45 * size),
        Shape::Cone => ColliderBuilder::cone(0.5 * size, 0.55 * size),
        Shape::Ring => return ring(size, density),
    };
    builder.density(density)
}

/// A flat disc with a rounded rim is the convex hull of a torus; its mass is the torus's own.
fn ring(size: f32, density: f32) -> ColliderBuilder {
    let (radius, tube) = (0.4 * size, 0.16 * size);
    let mass = density * 2.0 * std::f32::consts::PI.powi(2) * radius * tube * tube;
    let along = mass * (radius * radius + 0.75 * tube * tube);
    let across = mass * (0.5 * radius * radius + 0.625 * tube * tube);
    let lying = glam::Quat::from_rotation_x(std::f32::consts::FRAC_PI_2);
    ColliderBuilder::round_cylinder(0.002 * size, radius, tube)
        .position(Pose3::from_parts(Vec3::ZERO, lying))
        // In the collider's own frame, its axis is y.
        .mass_properties(MassProperties::new(Vec3::ZERO, mass, Vec3::new(across, along, across)))
}

fn pose_of(world: &PhysicsWorld, handle: RigidBodyHandle) -> Pose {
    let pose = world.bodies[handle].position();
    Pose { position: pose.translation, rotation: pose.rotation }
}
