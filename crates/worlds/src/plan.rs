//! What a small film is to show, before anything is simulated: the choices, and which of them go together.

use serde::{Deserialize, Serialize};

use crate::{
    error::WorldsError,
    stage::{Daytime, Look, Place, Prop, Shape, Stage, Weather},
};

/// What the main object does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// Rolls across the picture.
    Roll,
    /// Bounces off the ground again and again.
    Bounce,
    /// Drops from above and stays where it lands.
    Fall,
    /// Slides over the ground and slows down.
    Slide,
    /// Runs into another object.
    Collide,
    /// Tips over.
    Topple,
    /// Rolls behind another object and comes out again.
    RollBehind,
    /// Flies in a circle, around another object when there is one.
    Orbit,
    /// Turns on the spot.
    Spin,
    /// Rises into the air.
    FloatUp,
    /// Does not move (on the sea, it bobs).
    Rest,
}

/// What the camera does. Left and right, up and down are the viewer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraMove {
    /// Nothing.
    Still,
    /// Turns to the left on its tripod.
    PanLeft,
    /// Turns to the right on its tripod.
    PanRight,
    /// Turns up on its tripod.
    TiltUp,
    /// Turns down on its tripod.
    TiltDown,
    /// Drives towards the object.
    DollyIn,
    /// Drives away from the object.
    DollyOut,
    /// Circles around the object, moving to the left.
    OrbitLeft,
    /// Circles around the object, moving to the right.
    OrbitRight,
    /// Travels along with the object.
    Follow,
}

/// All choices that make one small film; with them, [`World::from_plan`](crate::World::from_plan) is reproducible.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Decides what the other fields leave open: positions, directions, framing, textures, wording.
    pub seed: u64,
    /// Time in seconds within which the motion and the camera's path take place.
    pub duration_secs: f32,
    /// Ground or room or sea.
    pub place: Place,
    /// Time of day.
    pub daytime: Daytime,
    /// Weather.
    pub weather: Weather,
    /// Drawing style.
    pub look: Look,
    /// The objects; the first one is the main one.
    pub props: Vec<Prop>,
    /// What the main object does.
    pub motion: Motion,
    /// What the camera does.
    pub camera: CameraMove,
}

impl Plan {
    /// Most objects of one world.
    pub const MAX_OBJECTS: usize = 4;
    /// Longest film in seconds.
    pub const MAX_SECS: f32 = 120.0;

    /// Tells whether the choices go together.
    ///
    /// # Errors
    /// [`WorldsError::Senseless`], [`WorldsError::ObjectCount`], [`WorldsError::Size`] or [`WorldsError::Duration`].
    pub fn check(&self) -> Result<(), WorldsError> {
        let count = self.props.len();
        if !(1..=Self::MAX_OBJECTS).contains(&count) {
            return Err(WorldsError::ObjectCount { given: count, max: Self::MAX_OBJECTS });
        }
        if let Some(prop) = self.props.iter().find(|prop| !(0.2..=3.0).contains(&prop.size)) {
            return Err(WorldsError::Size { given: prop.size });
        }
        if !(self.duration_secs > 0.0 && self.duration_secs <= Self::MAX_SECS) {
            return Err(WorldsError::Duration { given: self.duration_secs.into(), max_secs: Self::MAX_SECS });
        }
        let (motion, shape) = (self.motion, self.props[0].shape);
        if !motion.suits_shape(shape) {
            let able: Vec<_> = Shape::ALL.iter().filter(|s| motion.suits_shape(**s)).map(|s| s.name()).collect();
            return Err(senseless(format!("{motion} with a {shape}"), format!("use one of {}", able.join(", "))));
        }
        if !motion.suits_place(self.place) {
            let able: Vec<_> = Motion::ALL.iter().filter(|m| m.suits_place(self.place)).map(|m| m.name()).collect();
            let reason = format!("there, choose a motion out of {}", able.join(", "));
            return Err(senseless(format!("{motion} on {}", self.place), reason));
        }
        if !motion.suits_camera(self.camera) {
            let able: Vec<_> = CameraMove::ALL.iter().filter(|c| motion.suits_camera(**c)).map(|c| c.name()).collect();
            let reason = format!("choose a camera move out of {}", able.join(", "));
            return Err(senseless(format!("{motion} with {}", self.camera), reason));
        }
        if !self.place.suits_weather(self.weather) {
            let reason = "nothing falls in a room, and rain would melt the snow; choose clear".to_owned();
            return Err(senseless(format!("{} with {}", self.place, self.weather), reason));
        }
        if count < motion.min_objects() {
            let reason = format!("it needs {} objects, the second one to meet", motion.min_objects());
            return Err(senseless(format!("{motion} with one object"), reason));
        }
        Ok(())
    }

    /// What stays the same during the film.
    pub fn stage(&self) -> Stage {
        Stage {
            place: self.place,
            daytime: self.daytime,
            weather: self.weather,
            look: self.look,
            props: self.props.clone(),
            seed: self.seed,
        }
    }
}

impl Motion {
    /// Whether this solid can do it at all, in a way that shows.
    pub const fn suits_shape(self, shape: Shape) -> bool {
        match self {
            Self::Roll | Self::RollBehind => matches!(shape, Shape::Ball | Shape::Cylinder | Shape::Ring),
            Self::Slide => matches!(shape, Shape::Cube | Shape::Cylinder | Shape::Cone),
            Self::Topple => !matches!(shape, Shape::Ball),
            Self::Bounce | Self::Fall | Self::Collide | Self::Orbit | Self::Spin | Self::FloatUp | Self::Rest => true,
        }
    }

    /// Whether it can happen there: nothing rolls, slides or topples on the sea.
    pub const fn suits_place(self, place: Place) -> bool {
        !matches!(place, Place::Sea)
            || matches!(self, Self::Fall | Self::Orbit | Self::Spin | Self::FloatUp | Self::Rest)
    }

    /// Whether both together can be told apart in the picture and stay inside it.
    pub const fn suits_camera(self, camera: CameraMove) -> bool {
        match camera {
            CameraMove::Follow => matches!(self, Self::Roll | Self::Slide | Self::Bounce | Self::FloatUp),
            CameraMove::TiltUp => !matches!(self, Self::Fall | Self::Bounce),
            CameraMove::TiltDown => !matches!(self, Self::FloatUp),
            CameraMove::OrbitLeft | CameraMove::OrbitRight => {
                !matches!(self, Self::RollBehind | Self::Orbit | Self::Spin)
            }
            _ => true,
        }
    }

    /// Objects that it takes.
    pub const fn min_objects(self) -> usize {
        match self {
            Self::Collide | Self::RollBehind => 2,
            _ => 1,
        }
    }
}

impl Place {
    /// Whether that weather can be there: nothing falls in a room, and rain would melt the snow.
    pub const fn suits_weather(self, weather: Weather) -> bool {
        match self {
            Self::Room => matches!(weather, Weather::Clear),
            Self::Snow => !matches!(weather, Weather::Rain),
            _ => true,
        }
    }
}

fn senseless(wish: String, reason: String) -> WorldsError {
    WorldsError::Senseless { wish, reason }
}
