//! Where each object is in the picture at each moment, and what it may be called.

use serde::{Deserialize, Serialize};

use crate::{
    film::Intrinsics,
    stage::Prop,
    world::{FilmSettings, World},
};

/// The way of one object over the picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObjectPath {
    /// What it may be called, in English and Chinese; the plainest first.
    pub names: Vec<String>,
    /// Its centre in each frame, as a share of the width from the left and of the height from the top, whether it is seen
    /// or not: outside of 0 to 1 it is outside of the picture. `None` behind the camera.
    pub points: Vec<Option<[f32; 2]>>,
}

impl World {
    /// The paths of all objects, with nothing drawn.
    pub fn paths(&self, settings: FilmSettings) -> Vec<ObjectPath> {
        let (width, height) = (settings.resolution.width() as f32, settings.resolution.height() as f32);
        let moments = self.moments(settings);
        let props = &self.stage().props;
        let path = |(index, prop): (usize, &Prop)| {
            let point = |moment: &crate::Moment| {
                let intrinsics = Intrinsics::of(&moment.camera, settings.resolution);
                let (x, y, _) = intrinsics.project(&moment.camera, moment.poses[index].position)?;
                Some([x / width, y / height])
            };
            ObjectPath { names: names(prop, props), points: moments.iter().map(point).collect() }
        };
        props.iter().enumerate().map(path).collect()
    }
}

/// Colour and shape in all their words, and the shape alone when no other object has it.
fn names(prop: &Prop, props: &[Prop]) -> Vec<String> {
    let (colour, shape) = (prop.colour.words(), prop.shape.words());
    let alone = props.iter().filter(|other| other.shape == prop.shape).count() == 1;
    let english = shape.en.iter().map(|shape| format!("{} {shape}", colour.en[0]));
    let chinese = shape.zh.iter().map(|shape| format!("{}{shape}", colour.zh[0]));
    let bare = shape.en.iter().chain(shape.zh).filter(|_| alone).map(|shape| (*shape).to_owned());
    english.chain(chinese).chain(bare).collect()
}

#[cfg(test)]
mod tests {
    use video::{FrameRate, Resolution};

    use super::*;
    use crate::{CameraMove, Distribution, Motion, Weights};

    #[test]
    fn a_path_lies_where_the_object_is_drawn() {
        let distribution = Distribution {
            motions: Weights::only(Motion::Slide),
            cameras: Weights::only(CameraMove::Still),
            ..Distribution::simple()
        };
        let settings = FilmSettings {
            resolution: Resolution::new(96, 64).unwrap(),
            frame_rate: FrameRate::new(8, 1).unwrap(),
            num_frames: 9,
        };
        let world = World::sample(&distribution, 5);
        let (paths, film) = (world.paths(settings), world.film(settings).unwrap());
        assert_eq!(paths.len(), world.stage().props.len());
        let drawn = |ids: &[u8]| {
            let pixels: Vec<_> = (0..ids.len()).filter(|pixel| ids[*pixel] == 1).collect();
            let mean = |value: &dyn Fn(usize) -> f32| {
                pixels.iter().map(|pixel| value(*pixel)).sum::<f32>() / pixels.len() as f32
            };
            [mean(&|pixel| (pixel % 96) as f32 / 96.0), mean(&|pixel| (pixel / 96) as f32 / 64.0)]
        };
        for (point, truth) in paths[0].points.iter().zip(&film.truth.frames) {
            let (point, drawn) = (point.unwrap(), drawn(&truth.ids));
            assert!((point[0] - drawn[0]).abs() < 0.05 && (point[1] - drawn[1]).abs() < 0.08, "{point:?} {drawn:?}");
        }
    }

    #[test]
    fn an_object_is_called_by_its_shape_alone_only_when_that_tells_it_from_the_others() {
        let world = World::sample(&Distribution::simple(), 1);
        let ball = &world.stage().props[0];
        let [first, second] = [1, 2].map(|count| names(ball, &vec![ball.clone(); count]));
        let noun = ball.shape.words().en[0].to_owned();
        assert!(first.contains(&noun) && !second.contains(&noun), "{first:?}");
        assert_eq!(first[0], format!("{} {noun}", ball.colour.words().en[0]));
    }
}
