//! From a plan to a set-up: who starts where and how fast, and how the camera frames it.
//!
//! Everything is measured by the height of the picture, so that the main object is large, its motion begins at
//! once, and both stay inside the frame.

use std::f32::consts::{FRAC_PI_2, TAU};

use glam::{Quat, Vec3};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    camera::View,
    physics::{self, Body, GRAVITY},
    plan::{CameraMove, Motion, Plan},
    proportions::{AFLOAT, can_roll, full_height, rest_height, rolling_radius, spin_attitude, spin_height, width},
    script::{Bob, Script},
    stage::{Place, Pose, Prop, Shape},
};

/// A plan with all details filled in.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    pub view: View,
    /// The way the main object goes: 1 to the right, -1 to the left.
    pub heading: f32,
    course: Course,
}

#[derive(Clone, Debug)]
enum Course {
    Physics(Vec<Body>),
    Scripted(Vec<(Script, Option<Bob>)>),
}

impl Staging {
    /// Fills in what the plan leaves open, by its seed.
    pub fn of(plan: &Plan) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        rng.set_stream(1);
        let heading = match plan.camera {
            // A pan goes along with what crosses the picture; against it, the object would leave the frame.
            CameraMove::PanRight => 1.0,
            CameraMove::PanLeft => -1.0,
            _ => [-1.0, 1.0][rng.random_range(0..2)],
        };
        let view = view(plan, &mut rng);
        let mut set = Set { plan, rng, heading, height: view.height };
        let course = set.course();
        Self { view, heading, course }
    }

    /// Poses of all objects after 0, 1, …, `steps` steps of 1/240 s: `[step][object]`.
    pub fn simulate(&self, props: &[Prop], steps: usize) -> Vec<Vec<Pose>> {
        match &self.course {
            Course::Physics(bodies) => physics::simulate(props, bodies, steps),
            Course::Scripted(scripts) => {
                let tracks: Vec<_> = scripts.iter().map(|(script, bob)| script.poses(*bob, steps)).collect();
                (0..=steps).map(|step| tracks.iter().map(|track| track[step]).collect()).collect()
            }
        }
    }
}

fn view(plan: &Plan, rng: &mut ChaCha8Rng) -> View {
    let main = &plan.props[0];
    let share = match plan.motion {
        Motion::Rest | Motion::Spin | Motion::Topple => rng.random_range(0.33..0.40),
        Motion::RollBehind => rng.random_range(0.25..0.27),
        Motion::Collide => rng.random_range(0.27..0.30),
        _ => rng.random_range(0.30..0.36),
    };
    let height = full_height(main.shape) * main.size / share;
    let target_height = match plan.motion {
        Motion::Fall | Motion::Bounce | Motion::FloatUp | Motion::Orbit => 0.31,
        Motion::RollBehind => 0.22,
        _ => rng.random_range(0.24..0.28),
    };
    // The sea has no ground that could hide below the picture.
    let target_height = if plan.place == Place::Sea { target_height - 0.08 } else { target_height };
    let hides = plan.motion == Motion::RollBehind;
    // From a low camera and straight on, one object really hides another.
    let horizon = if hides { rng.random_range(0.07..0.10) } else { rng.random_range(0.09..0.22) };
    let most_turn: f32 = if hides { 0.03 } else { 0.2 };
    View {
        target: Vec3::Y * (target_height * height),
        height,
        eye_height: (target_height + horizon) * height,
        azimuth: rng.random_range(-most_turn..most_turn),
        fov: rng.random_range(36.0_f32..42.0).to_radians(),
    }
}

/// All that is known while the objects are put in place.
struct Set<'a> {
    plan: &'a Plan,
    rng: ChaCha8Rng,
    heading: f32,
    /// The picture's height in metres.
    height: f32,
}

impl Set<'_> {
    fn course(&mut self) -> Course {
        let physical = match self.plan.motion {
            Motion::Orbit | Motion::Spin | Motion::FloatUp | Motion::Rest => false,
            // What lands on a flat side hits the ground at many points at once, where a rigid-body solver loses
            // the bounce or tumbles; a formula keeps it.
            Motion::Bounce => matches!(self.main().shape, Shape::Ball | Shape::Ring),
            _ => true,
        };
        if physical && self.plan.place != Place::Sea {
            let main = self.main_body();
            let mut bodies = vec![main];
            self.add_partner(&mut bodies);
            for pose in self.scenery(bodies.len()) {
                bodies.push(Body::scenery(pose));
            }
            return Course::Physics(bodies);
        }
        let mut scripts = vec![self.main_script()];
        if self.plan.motion == Motion::Orbit && self.plan.props.len() > 1 {
            scripts.push(Script::Stand(self.standing(&self.plan.props[1], Vec3::ZERO)));
        }
        for pose in self.scenery(scripts.len()) {
            scripts.push(Script::Stand(pose));
        }
        let afloat = self.plan.place == Place::Sea;
        let with_bobs = scripts.into_iter().map(|script| (script, afloat.then(|| self.bob()))).collect();
        Course::Scripted(with_bobs)
    }

    fn main(&self) -> &Prop {
        &self.plan.props[0]
    }

    /// Seconds within which the motion takes place.
    fn action_secs(&self) -> f32 {
        self.plan.duration_secs.clamp(0.9, 4.0)
    }

    fn main_body(&mut self) -> Body {
        let prop = self.main().clone();
        let secs = self.action_secs();
        let start_x = |share: f32| Vec3::X * (-self.heading * share * self.height);
        let body = Body { movable: true, ..Body::scenery(self.standing(&prop, Vec3::ZERO)) };
        let follows = self.plan.camera == CameraMove::Follow;
        match self.plan.motion {
            Motion::Roll => {
                let (travel, start) = if follows { (1.2, 0.04) } else { (0.62, 0.31) };
                self.rolling(travel * self.height / secs, start_x(start))
            }
            Motion::RollBehind => self.rolling(0.78 * self.height / secs, start_x(0.39) - Vec3::Z * 0.6),
            Motion::Slide => {
                let (travel, start) = if follows { (1.1, 0.04) } else { (0.6, 0.31) };
                self.sliding(travel * self.height, 1.05 * secs, start_x(start))
            }
            Motion::Collide => {
                // Close enough to meet its partner after a third of a second.
                let from = start_x(0.33);
                let speed = (self.height * 0.36 / (0.35 * secs.min(1.6))).clamp(1.6, 3.2);
                if can_roll(prop.shape) {
                    self.rolling(speed, from)
                } else {
                    let body = self.sliding(speed * speed / (2.0 * 1.5), 2.0 * speed / 3.0, from);
                    Body { restitution: 0.3, ..body }
                }
            }
            Motion::Topple => self.toppling(&prop),
            Motion::Bounce => {
                let (pose, velocity) = self.bouncing(&prop);
                Body { pose, velocity, restitution: 0.84, friction: 0.25, ..body }
            }
            // Fall, and nothing else comes here.
            _ => {
                let tilt = match prop.shape {
                    Shape::Ball => Quat::IDENTITY,
                    // It lands on its rim and lies down at once, instead of standing for a while.
                    Shape::Ring => Quat::from_rotation_x(self.rng.random_range(0.2..0.4)),
                    // More, and it would tumble on after it has landed.
                    _ => Quat::from_rotation_z(self.heading * self.rng.random_range(0.0..0.07)),
                };
                let pose = self.standing(&prop, Vec3::Y * self.drop_height());
                let rotation = tilt * pose.rotation;
                Body { pose: Pose { rotation, ..pose }, restitution: 0.0, ..body }
            }
        }
    }

    /// Where a bounce starts, and how fast.
    fn bouncing(&self, prop: &Prop) -> (Pose, Vec3) {
        let share = if self.plan.camera == CameraMove::Follow { 0.0 } else { 0.13 };
        let start = Vec3::new(-self.heading * share, 0.27, 0.0) * self.height;
        let velocity = Vec3::new(self.heading * 0.26 * self.height / self.action_secs(), -1.0, 0.0);
        (self.standing(prop, start), velocity)
    }

    /// From just below the upper edge of the picture, which is lower while the camera is near.
    fn drop_height(&self) -> f32 {
        self.height * if self.plan.camera == CameraMove::DollyOut { 0.31 } else { 0.39 }
    }

    fn rolling(&self, speed: f32, from: Vec3) -> Body {
        let prop = self.main();
        let rotation = match prop.shape {
            // Its axis lies across the way.
            Shape::Cylinder => Quat::from_rotation_x(FRAC_PI_2),
            // Bands must not look the same all the way round.
            Shape::Ball => Quat::from_rotation_x(0.35) * Quat::from_rotation_z(0.9),
            _ => Quat::IDENTITY,
        };
        let radius = rolling_radius(prop);
        Body {
            pose: Pose { position: from + Vec3::Y * radius, rotation },
            velocity: Vec3::X * (self.heading * speed),
            spin: Vec3::NEG_Z * (self.heading * speed / radius),
            friction: 0.8,
            restitution: 0.1,
            density: 1.0,
            movable: true,
        }
    }

    /// Slides `travel` metres and stands still after `secs`.
    fn sliding(&mut self, travel: f32, secs: f32, from: Vec3) -> Body {
        let prop = self.main().clone();
        let speed = 2.0 * travel / secs;
        let pose = self.standing(&prop, from);
        // A cube slides face on, or nearly so.
        let rotation = Quat::from_rotation_y(self.rng.random_range(-0.25..0.25));
        Body {
            pose: Pose { rotation, ..pose },
            velocity: Vec3::X * (self.heading * speed),
            spin: Vec3::ZERO,
            friction: speed / (secs * GRAVITY),
            restitution: 0.05,
            density: 1.0,
            movable: true,
        }
    }

    /// Tips over its lower edge, as if it had just been pushed.
    fn toppling(&mut self, prop: &Prop) -> Body {
        let upright = rest_height(prop.shape) * prop.size;
        let reach = match prop.shape {
            Shape::Cone => 0.55,
            Shape::Ring => 0.0,
            _ => 0.45,
        } * prop.size;
        // Enough to get over the edge, and no more than shows well.
        let (spin, tilt) = match prop.shape {
            Shape::Cube => (3.2, 0.16),
            Shape::Cylinder => (3.3, 0.16),
            Shape::Cone => (4.6, 0.3),
            _ => (1.6, 0.12),
        };
        let spin = spin / prop.size.sqrt();
        // A ring falls on its face, towards the viewer; the others fall to the side.
        let axis = if prop.shape == Shape::Ring { Vec3::X } else { Vec3::NEG_Z * self.heading };
        let edge = Vec3::new(0.5 * self.heading * reach, 0.0, 0.0);
        let lean = Quat::from_axis_angle(axis, tilt);
        let arm = lean * Vec3::new(-self.heading * reach, upright, 0.0);
        Body {
            pose: Pose { position: edge + arm, rotation: lean },
            velocity: (axis * spin).cross(arm),
            spin: axis * spin,
            friction: 1.0,
            restitution: 0.05,
            density: 1.0,
            movable: true,
        }
    }

    /// The object that the main one meets or passes behind.
    fn add_partner(&mut self, bodies: &mut Vec<Body>) {
        let Some(partner) = self.plan.props.get(1) else { return };
        match self.plan.motion {
            Motion::Collide => {
                let gap = 0.5 * (width(self.main()) + width(partner));
                let near = self.heading * (gap - 0.33 * self.height + 0.2 * self.height);
                let pose = self.standing(partner, Vec3::X * near);
                bodies.push(Body {
                    movable: true,
                    density: 0.4,
                    friction: 0.2,
                    restitution: 0.6,
                    ..Body::scenery(pose)
                });
            }
            Motion::RollBehind => bodies.push(Body::scenery(self.standing(partner, Vec3::Z * 0.75))),
            _ => {}
        }
    }

    fn main_script(&mut self) -> Script {
        let prop = self.main().clone();
        let secs = self.action_secs();
        let pose = self.standing(&prop, Vec3::ZERO);
        match self.plan.motion {
            Motion::Orbit => {
                let centre = Vec3::Y * (0.31 * self.height).max(0.8 * prop.size);
                let period = (0.95 * secs).clamp(1.1, 2.6);
                let phase = self.rng.random_range(0.0..TAU);
                let rate = self.heading * TAU / period;
                Script::Circle { centre, radius: 0.26 * self.height, rate, phase, rotation: Quat::IDENTITY }
            }
            Motion::Spin => {
                let period = (0.8 * secs).clamp(0.9, 2.2);
                let spun = Pose {
                    position: Vec3::Y * spin_height(&prop, self.plan.place),
                    rotation: spin_attitude(prop.shape),
                };
                Script::Turn { pose: spun, rate: self.heading * TAU / period }
            }
            Motion::FloatUp => {
                let travel = if self.plan.camera == CameraMove::Follow { 0.75 } else { 0.42 };
                Script::Rise { pose, speed: travel * self.height / secs, sway: self.heading * 0.04 * self.height }
            }
            Motion::Bounce => {
                let (pose, velocity) = self.bouncing(&prop);
                Script::Hop { pose, velocity, floor: rest_height(prop.shape) * prop.size, restitution: 0.8 }
            }
            // On the sea only: on land, things fall by rigid-body physics.
            Motion::Fall => {
                Script::Splash { pose, height: self.drop_height(), radius: rest_height(prop.shape) * prop.size }
            }
            _ => Script::Stand(pose),
        }
    }

    /// Upright at `place` (on the ground when its `y` is 0; afloat on the sea), turned a little.
    fn standing(&self, prop: &Prop, place: Vec3) -> Pose {
        // A fixed turn for each object, taken from its place in the plan, not from the running generator.
        let turn = if prop.shape == Shape::Ring { 0.3 } else { 0.5 } * self.heading;
        let lift = match self.plan.place {
            Place::Sea => AFLOAT * rest_height(prop.shape) * prop.size,
            _ => rest_height(prop.shape) * prop.size,
        };
        let tilt = if prop.shape == Shape::Ball { 0.4 } else { 0.0 };
        Pose { position: place + Vec3::Y * lift, rotation: Quat::from_rotation_y(turn) * Quat::from_rotation_z(tilt) }
    }

    /// Places for the objects from number `first` on: behind the main one, apart from each other.
    fn scenery(&mut self, first: usize) -> Vec<Pose> {
        let mut taken: Vec<Vec3> = Vec::new();
        let plan = self.plan;
        plan.props
            .iter()
            .skip(first)
            .map(|prop| {
                let spot = (0..100)
                    .map(|_| {
                        let side = [-1.0, 1.0][self.rng.random_range(0..2)];
                        Vec3::new(side * self.rng.random_range(0.24..0.56), 0.0, -self.rng.random_range(0.55..1.0))
                            * self.height
                    })
                    .find(|spot| taken.iter().all(|other| other.distance(*spot) > 1.5 * prop.size))
                    // Crowded: still behind everything, each a step further.
                    .unwrap_or(Vec3::NEG_Z * (self.height * (1.2 + 0.4 * taken.len() as f32)));
                taken.push(spot);
                let pose = self.standing(prop, spot);
                Pose { rotation: Quat::from_rotation_y(self.rng.random_range(-0.6..0.6)) * pose.rotation, ..pose }
            })
            .collect()
    }

    fn bob(&mut self) -> Bob {
        Bob {
            heave: 0.06 * self.main().size,
            period_secs: self.rng.random_range(1.4..1.9),
            phase: self.rng.random_range(0.0..TAU),
        }
    }
}
