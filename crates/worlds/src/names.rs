//! A name for each value of each choice: the words that commands, recipes and labels use.
//!
//! Every enum of this crate has `ALL`, `name()`, `Display` and `FromStr` from here.

use std::{fmt, str::FromStr};

use crate::{
    error::WorldsError,
    plan::{CameraMove, Motion},
    stage::{Colour, Daytime, Look, Material, Place, Shape, Weather},
};

macro_rules! names {
    ($type:ident, $kind:literal, $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            /// Every value, in a fixed order that never changes (classifiers count on it).
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            #[doc = concat!("The name of this ", $kind, ", as commands and files write it.")]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Position in [`Self::ALL`].
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }

        impl FromStr for $type {
            type Err = WorldsError;

            /// Reads a name in any case, with `-`, `_` or a space between words.
            fn from_str(text: &str) -> Result<Self, WorldsError> {
                let wanted = text.trim().to_lowercase().replace(['_', ' '], "-");
                Self::ALL.iter().copied().find(|value| value.name() == wanted).ok_or_else(|| {
                    let names: Vec<_> = Self::ALL.iter().map(|value| value.name()).collect();
                    WorldsError::UnknownName { kind: $kind, given: shortened(text), valid: names.join(", ") }
                })
            }
        }
    };
}

names!(Shape, "shape", Ball = "ball", Cube = "cube", Cylinder = "cylinder", Cone = "cone", Ring = "ring");
names!(
    Colour,
    "colour",
    Red = "red",
    Orange = "orange",
    Yellow = "yellow",
    Green = "green",
    Blue = "blue",
    Purple = "purple",
    White = "white",
    Black = "black",
);
names!(Material, "material", Matte = "matte", Glossy = "glossy", Metal = "metal", Striped = "striped");
names!(Place, "place", Grass = "grass", Sand = "sand", Tiles = "tiles", Snow = "snow", Room = "room", Sea = "sea",);
names!(Daytime, "time of day", Morning = "morning", Noon = "noon", Sunset = "sunset", Night = "night");
names!(Weather, "weather", Clear = "clear", Rain = "rain", Snow = "snow");
names!(Look, "look", Natural = "natural", Cartoon = "cartoon", Pencil = "pencil", Voxel = "voxel");
names!(
    Motion,
    "motion",
    Roll = "roll",
    Bounce = "bounce",
    Fall = "fall",
    Slide = "slide",
    Collide = "collide",
    Topple = "topple",
    RollBehind = "roll-behind",
    Orbit = "orbit",
    Spin = "spin",
    FloatUp = "float-up",
    Rest = "rest",
);
names!(
    CameraMove,
    "camera move",
    Still = "still",
    PanLeft = "pan-left",
    PanRight = "pan-right",
    TiltUp = "tilt-up",
    TiltDown = "tilt-down",
    DollyIn = "dolly-in",
    DollyOut = "dolly-out",
    OrbitLeft = "orbit-left",
    OrbitRight = "orbit-right",
    Follow = "follow",
);

/// Keeps a message readable when someone passes a whole book as a name.
fn shortened(text: &str) -> String {
    const MAX_CHARS: usize = 40;
    if text.chars().count() <= MAX_CHARS {
        return text.to_owned();
    }
    text.chars().take(MAX_CHARS).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for (index, motion) in Motion::ALL.iter().enumerate() {
            assert_eq!(motion.to_string().parse::<Motion>().unwrap(), *motion);
            assert_eq!(motion.index(), index);
            // Files and commands use the same names.
            assert_eq!(serde_json::to_string(motion).unwrap(), format!("\"{motion}\""));
        }
        for camera in CameraMove::ALL {
            assert_eq!(camera.name().parse::<CameraMove>().unwrap(), *camera);
            assert_eq!(serde_json::to_string(camera).unwrap(), format!("\"{camera}\""));
        }
        assert_eq!("Roll_Behind".parse::<Motion>().unwrap(), Motion::RollBehind);
        assert_eq!(" RED ".parse::<Colour>().unwrap(), Colour::Red);
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        let message = "pink".parse::<Colour>().unwrap_err().to_string();
        assert_eq!(
            message,
            "\"pink\" is not a colour; choose one of red, orange, yellow, green, blue, purple, white, black"
        );
        assert!("x".repeat(100_000).parse::<Shape>().unwrap_err().to_string().len() < 200);
    }
}
