//! How often each choice is taken when worlds are sampled.

use std::fmt::Debug;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    error::WorldsError,
    labels::{Labels, Split},
    plan::{CameraMove, Motion, Plan},
    stage::{Colour, Daytime, Look, Material, Place, Prop, Shape, Weather},
};

/// Weights of the values of one choice; those without a weight never occur.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weights<T>(Vec<(T, f32)>);

impl<T: Copy + PartialEq + Debug> Weights<T> {
    /// Each value with its weight, which is relative to the sum; weights that are not above 0 are left out.
    pub fn new(weights: impl IntoIterator<Item = (T, f32)>) -> Self {
        Self(weights.into_iter().filter(|(_, weight)| *weight > 0.0 && weight.is_finite()).collect())
    }

    /// The same weight for each.
    pub fn even(values: &[T]) -> Self {
        Self::new(values.iter().map(|value| (*value, 1.0)))
    }

    /// Always this one.
    pub fn only(value: T) -> Self {
        Self(vec![(value, 1.0)])
    }

    /// The values that can occur.
    pub fn values(&self) -> impl Iterator<Item = T> {
        self.0.iter().map(|(value, _)| *value)
    }

    /// One of the values that `allowed` lets through, by weight.
    fn draw(&self, rng: &mut ChaCha8Rng, allowed: impl Fn(T) -> bool) -> Option<T> {
        let fitting = || self.0.iter().filter(|(value, _)| allowed(*value));
        let total: f32 = fitting().map(|(_, weight)| weight).sum();
        // Drawn in any case, so that one choice does not shift the randomness of the next.
        let mut left = rng.random_range(0.0..1.0_f32) * total;
        let mut chosen = None;
        for (value, weight) in fitting() {
            chosen = Some(*value);
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        chosen
    }
}

/// How often each choice is taken. Start from a preset and narrow it: `colours: Weights::only(Colour::Red)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// Colours of all objects; further objects avoid the colours that are taken.
    pub colours: Weights<Colour>,
    /// Solids of all objects.
    pub shapes: Weights<Shape>,
    /// Surfaces of all objects.
    pub materials: Weights<Material>,
    /// What the main object does.
    pub motions: Weights<Motion>,
    /// What the camera does.
    pub cameras: Weights<CameraMove>,
    /// Grounds.
    pub places: Weights<Place>,
    /// Times of day.
    pub daytimes: Weights<Daytime>,
    /// Weathers.
    pub weathers: Weights<Weather>,
    /// Drawing styles.
    pub looks: Weights<Look>,
    /// Numbers of objects; a motion that needs a partner brings it along.
    pub object_counts: Weights<usize>,
    /// Time in seconds within which motion and camera path take place: the length of the films to be rendered.
    pub duration_secs: f32,
    /// Whether held-out combinations occur.
    pub split: Split,
}

impl Distribution {
    /// Everything there is: several objects now and then, any weather, any look.
    pub fn full() -> Self {
        Self {
            materials: Weights::even(Material::ALL),
            weathers: Weights::new([(Weather::Clear, 0.72), (Weather::Rain, 0.14), (Weather::Snow, 0.14)]),
            looks: Weights::new([
                (Look::Natural, 0.70),
                (Look::Cartoon, 0.12),
                (Look::Pencil, 0.09),
                (Look::Voxel, 0.09),
            ]),
            object_counts: Weights::new([(1, 0.55), (2, 0.27), (3, 0.12), (4, 0.06)]),
            cameras: Self::cameras(0.35),
            ..Self::simple()
        }
    }

    /// For a first training stage: one object (and its partner, where the motion needs one), natural, clear.
    pub fn simple() -> Self {
        Self {
            colours: Weights::even(Colour::ALL),
            shapes: Weights::even(Shape::ALL),
            materials: Weights::even(Material::ALL),
            motions: Weights::even(Motion::ALL),
            cameras: Self::cameras(0.5),
            // More of the sea, which suits only some motions.
            places: Weights::new(Place::ALL.iter().map(|&place| (place, if place == Place::Sea { 2.0 } else { 1.0 }))),
            daytimes: Weights::even(Daytime::ALL),
            weathers: Weights::only(Weather::Clear),
            looks: Weights::only(Look::Natural),
            object_counts: Weights::only(1),
            duration_secs: 2.0,
            split: Split::Training,
        }
    }

    /// The same with a camera that never stands still.
    pub fn moving() -> Self {
        Self { cameras: Self::cameras(0.0), ..Self::simple() }
    }

    /// The same for films of another length.
    #[must_use]
    pub fn with_duration_secs(self, duration_secs: f32) -> Self {
        Self { duration_secs, ..self }
    }

    /// The plan for a seed.
    ///
    /// # Errors
    /// [`WorldsError::NothingFits`] when no choices with weight go together.
    pub fn plan(&self, seed: u64) -> Result<Plan, WorldsError> {
        // Rare combinations of narrow wishes take a few tries; more than this and there is none.
        const MAX_TRIES: usize = 3000;
        self.check_not_empty()?;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut reason = None;
        for _ in 0..MAX_TRIES {
            match self.draw(&mut rng, seed) {
                Ok(plan) if self.split.contains(&Labels::of(&plan)) => {
                    plan.check()?;
                    return Ok(plan);
                }
                Ok(_) => {}
                Err(misfit) => reason = Some(misfit),
            }
        }
        let reason = reason.unwrap_or_else(|| match self.split {
            Split::HeldOut => "none of these combinations is held out; use split any or training".to_owned(),
            _ => "these combinations of colour, shape and motion are held out; use split any".to_owned(),
        });
        Err(WorldsError::NothingFits { reason })
    }

    fn cameras(still: f32) -> Weights<CameraMove> {
        let moving = (1.0 - still) / (CameraMove::ALL.len() - 1) as f32;
        let weight = |camera| match camera {
            CameraMove::Still => still,
            // It suits only some motions.
            CameraMove::Follow => 1.6 * moving,
            _ => moving,
        };
        Weights::new(CameraMove::ALL.iter().map(|&camera| (camera, weight(camera))))
    }

    fn check_not_empty(&self) -> Result<(), WorldsError> {
        let empty = [
            ("colour", self.colours.0.is_empty()),
            ("shape", self.shapes.0.is_empty()),
            ("material", self.materials.0.is_empty()),
            ("motion", self.motions.0.is_empty()),
            ("camera move", self.cameras.0.is_empty()),
            ("place", self.places.0.is_empty()),
            ("time of day", self.daytimes.0.is_empty()),
            ("weather", self.weathers.0.is_empty()),
            ("look", self.looks.0.is_empty()),
            ("number of objects", self.object_counts.0.is_empty()),
        ];
        match empty.iter().find(|(_, is_empty)| *is_empty) {
            Some((name, _)) => {
                Err(WorldsError::NothingFits { reason: format!("no {name} has a weight above 0; give one a weight") })
            }
            None => Ok(()),
        }
    }

    /// One try; the error says which choice had nothing left.
    fn draw(&self, rng: &mut ChaCha8Rng, seed: u64) -> Result<Plan, String> {
        let misfit = |what: &str, motion: Motion| format!("no {what} with a weight goes with \"{motion}\"");
        let motion = self.motions.draw(rng, |_| true).ok_or("no motion")?;
        let shape = self.shapes.draw(rng, |shape| motion.suits_shape(shape)).ok_or_else(|| misfit("shape", motion))?;
        let place = self.places.draw(rng, |place| motion.suits_place(place)).ok_or_else(|| misfit("place", motion))?;
        let camera = self
            .cameras
            .draw(rng, |camera| motion.suits_camera(camera))
            .ok_or_else(|| misfit("camera move", motion))?;
        let weather = self
            .weathers
            .draw(rng, |weather| place.suits_weather(weather))
            .ok_or_else(|| format!("no weather with a weight can be at the place \"{place}\""))?;
        let daytime = self.daytimes.draw(rng, |_| true).ok_or("no time of day")?;
        let look = self.looks.draw(rng, |_| true).ok_or("no look")?;
        let count = self.object_counts.draw(rng, |_| true).ok_or("no number of objects")?;
        let main = Prop {
            shape,
            colour: self.colour(rng, (place, daytime), &[]),
            material: self.material(rng, motion, shape),
            size: rng.random_range(0.85..1.1),
        };
        let mut props = vec![main];
        for _ in 1..count.max(motion.min_objects()).min(Plan::MAX_OBJECTS) {
            let prop = self.further(rng, (motion, place, daytime), &props);
            props.push(prop);
        }
        Ok(Plan { seed, duration_secs: self.duration_secs, place, daytime, weather, look, props, motion, camera })
    }

    /// One more object for a world that has `props` so far.
    fn further(
        &self,
        rng: &mut ChaCha8Rng,
        (motion, place, daytime): (Motion, Place, Daytime),
        props: &[Prop],
    ) -> Prop {
        let partner = props.len() == 1;
        // The partner must be something one can disappear behind, or stop at.
        let fits = |shape: Shape| match motion {
            Motion::RollBehind if partner => matches!(shape, Shape::Cube | Shape::Cylinder),
            Motion::Collide if partner => shape != Shape::Ring,
            _ => true,
        };
        let shape = self.shapes.draw(rng, fits).unwrap_or(Shape::Cube);
        let taken: Vec<_> = props.iter().map(|prop| prop.colour).collect();
        let size = match motion {
            Motion::RollBehind if partner => props[0].size * rng.random_range(1.2..1.26),
            Motion::Collide if partner => props[0].size * rng.random_range(0.8..1.0),
            Motion::Orbit if partner => props[0].size * rng.random_range(0.45..0.55),
            _ => rng.random_range(0.65..1.0),
        };
        let material = self.materials.draw(rng, |_| true).unwrap_or(Material::Matte);
        Prop { shape, colour: self.colour(rng, (place, daytime), &taken), material, size }
    }

    /// Not a colour that another object has, nor black at night or white on snow, unless nothing else may occur.
    fn colour(&self, rng: &mut ChaCha8Rng, (place, daytime): (Place, Daytime), taken: &[Colour]) -> Colour {
        let shows = |colour| match colour {
            Colour::Black => daytime != Daytime::Night,
            Colour::White => place != Place::Snow,
            _ => true,
        };
        self.colours
            .draw(rng, |colour| shows(colour) && !taken.contains(&colour))
            // Further objects of a world of one colour have any other one.
            .or_else(|| Weights::even(Colour::ALL).draw(rng, |colour| !taken.is_empty() && !taken.contains(&colour)))
            .or_else(|| self.colours.draw(rng, |_| true))
            .unwrap_or(Colour::Red)
    }

    /// A ball that spins needs stripes, or its turning would not show.
    fn material(&self, rng: &mut ChaCha8Rng, motion: Motion, shape: Shape) -> Material {
        let hidden = motion == Motion::Spin && shape == Shape::Ball;
        self.materials
            .draw(rng, |material| !hidden || material == Material::Striped)
            .or_else(|| self.materials.draw(rng, |_| true))
            .unwrap_or(Material::Matte)
    }
}
