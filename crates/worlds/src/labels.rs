//! What a film's main object is and does, as labels, and which combinations training never sees.

use serde::{Deserialize, Serialize};

use crate::{
    plan::{CameraMove, Motion, Plan},
    stage::{Colour, Daytime, Look, Material, Place, Shape, Weather},
};

/// The true answers about one film; colour, shape, material and motion are the main object's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the types say it")]
pub struct Labels {
    pub colour: Colour,
    pub shape: Shape,
    pub motion: Motion,
    pub camera: CameraMove,
    pub material: Material,
    pub place: Place,
    pub daytime: Daytime,
    pub weather: Weather,
    pub look: Look,
}

impl Labels {
    /// The labels of a plan with at least one object.
    pub fn of(plan: &Plan) -> Self {
        let main = &plan.props[0];
        Self {
            colour: main.colour,
            shape: main.shape,
            motion: plan.motion,
            camera: plan.camera,
            material: main.material,
            place: plan.place,
            daytime: plan.daytime,
            weather: plan.weather,
            look: plan.look,
        }
    }
}

/// Which combinations of colour, shape and motion a [`Distribution`](crate::Distribution) yields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Only those that are not held out.
    #[default]
    Training,
    /// Only those that are held out, to measure what a model makes of new combinations.
    HeldOut,
    /// All.
    Any,
}

impl Split {
    /// Whether a film with these labels belongs to this split.
    pub fn contains(self, labels: &Labels) -> bool {
        match self {
            Self::Training => !is_held_out(labels),
            Self::HeldOut => is_held_out(labels),
            Self::Any => true,
        }
    }
}

/// Whether training never sees this colour, shape and motion together: about one combination in twelve.
///
/// For most pairs of shape and motion one colour is held out, chosen by a hash of the two names (FNV-1a, 64 bit),
/// so that the rule stays the same across versions and no colour, shape or motion is held out much more than others.
pub fn is_held_out(labels: &Labels) -> bool {
    // The salt was searched for an even spread over colours, shapes and motions.
    let text = format!("324/{}/{}", labels.shape, labels.motion);
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    // Twelve outcomes, of which eight name a colour and four hold nothing out.
    (hash >> 32) % 12 == labels.colour.index() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_one_combination_in_twelve_is_held_out() {
        let mut held_out = Vec::new();
        let mut total = 0;
        for &motion in Motion::ALL {
            for &shape in Shape::ALL.iter().filter(|shape| motion.suits_shape(**shape)) {
                for &colour in Colour::ALL {
                    let labels = Labels { colour, shape, motion, ..sample_labels() };
                    total += 1;
                    if is_held_out(&labels) {
                        held_out.push((colour, shape, motion));
                    }
                }
            }
        }
        assert_eq!((held_out.len(), total), (32, 384));
        for &colour in Colour::ALL {
            let count = held_out.iter().filter(|held| held.0 == colour).count();
            assert!((3..=5).contains(&count), "{colour}: {count}");
        }
        for &motion in Motion::ALL {
            assert!(held_out.iter().any(|held| held.2 == motion), "{motion}");
        }
    }

    #[test]
    fn only_colour_shape_and_motion_decide() {
        let labels = sample_labels();
        for &camera in CameraMove::ALL {
            for &place in Place::ALL {
                assert_eq!(is_held_out(&labels), is_held_out(&Labels { camera, place, ..labels }));
            }
        }
    }

    fn sample_labels() -> Labels {
        Labels {
            colour: Colour::Red,
            shape: Shape::Ball,
            motion: Motion::Roll,
            camera: CameraMove::Still,
            material: Material::Matte,
            place: Place::Grass,
            daytime: Daytime::Noon,
            weather: Weather::Clear,
            look: Look::Natural,
        }
    }
}
