//! Which ways the transformer is told that things take.

use models::autoencoder::TEMPORAL_FACTOR;
use rand::{Rng, seq::IndexedRandom};
use serde_json::{Value, json};
use worlds::ObjectPath;

const KEY: &str = "paths";

/// Adds to a film's labels the paths of its objects, one point for each latent frame.
pub fn add_paths(labels: &mut Value, paths: Vec<ObjectPath>) {
    // A latent frame ends with the frame that is 4 after the last one's end.
    let thinned = paths.into_iter().map(|ObjectPath { names, points }| ObjectPath {
        names,
        points: points.into_iter().step_by(TEMPORAL_FACTOR).collect(),
    });
    labels[KEY] = json!(thinned.collect::<Vec<_>>());
}

/// Draws which of a film's objects are told of, at least one if there are any, and a name for each.
///
/// Nothing when the labels do not say.
pub fn draw_paths(labels: &Value, rng: &mut impl Rng) -> Vec<(String, Vec<Option<[f32; 2]>>)> {
    let paths: Vec<ObjectPath> =
        labels.get(KEY).and_then(|paths| serde_json::from_value(paths.clone()).ok()).unwrap_or_default();
    let always = rng.random_range(0..paths.len().max(1));
    let told = paths.into_iter().enumerate().filter(|(index, _)| *index == always || rng.random::<bool>());
    let told: Vec<_> = told.map(|(_, path)| path).collect();
    told.into_iter().filter_map(|path| Some((path.names.choose(rng)?.clone(), path.points))).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_drawn_path_has_a_name_of_its_object_and_a_point_for_each_latent_frame() {
        let path = |name: &str, x: f32| ObjectPath {
            names: vec![name.into()],
            points: (0..9).map(|frame| Some([x, frame as f32])).collect(),
        };
        let mut labels = json!({});
        add_paths(&mut labels, vec![path("red ball", 0.25), path("cube", 0.75)]);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let draws: Vec<_> = (0..32).map(|_| draw_paths(&labels, &mut rng)).collect();
        let ball = ("red ball".to_owned(), vec![Some([0.25, 0.0]), Some([0.25, 4.0]), Some([0.25, 8.0])]);
        assert!(draws.iter().any(|draw| *draw == [ball.clone()]), "sometimes the ball alone");
        assert!(draws.iter().any(|draw| draw.len() == 2) && draws.iter().all(|draw| !draw.is_empty()));
        assert!(draw_paths(&json!({ "colour": "red" }), &mut rng).is_empty());
    }
}
