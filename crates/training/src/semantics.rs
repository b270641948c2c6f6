//! What stands where, as a second thing for the transformer to learn.
//!
//! A middle layer of the transformer is asked, for every patch, how much of it each colour and each shape covers in the
//! clean film. The worlds know; one linear layer answers; it is used in training only. Features that know what the
//! picture means are learned sooner this way than from the noise alone (compare REPA, Yu et al. 2024, which asks for
//! another network's features instead).

use serde_json::{Value, json};
use worlds::{Colour, Prop, Shape};

/// Pixels on each side of a patch.
const PATCH_PIXELS: usize = 16;
/// Numbers asked for each patch: shares of colours, then of shapes.
pub const SEMANTIC_FEATURES: usize = Colour::ALL.len() + Shape::ALL.len();
/// Shares are stored in this many parts.
const PARTS: usize = 255;
const KEY: &str = "coverage";

/// Adds to a film's labels which patches each of its objects covers.
///
/// `ids` holds, for each frame, the number of the object plus one at each pixel, and 0 for none.
pub fn add_coverage(labels: &mut Value, ids: &[Vec<u8>], (width, height): (usize, usize), props: &[Prop]) {
    let (columns, rows) = (width / PATCH_PIXELS, height / PATCH_PIXELS);
    let latent_frames = ids.len().div_ceil(4);
    let mut counts = vec![0usize; latent_frames * rows * columns * props.len()];
    for (frame, ids) in ids.iter().enumerate() {
        let latent_frame = frame.div_ceil(4);
        for (pixel, id) in ids.iter().enumerate() {
            let (y, x) = (pixel / width, pixel % width);
            if *id == 0 || usize::from(*id) > props.len() {
                continue;
            }
            let token = (latent_frame * rows + y / PATCH_PIXELS) * columns + x / PATCH_PIXELS;
            counts[token * props.len() + usize::from(*id) - 1] += 1;
        }
    }
    let first_frame_tokens = rows * columns;
    let mut covered = Vec::new();
    for (token, counts) in counts.chunks_exact(props.len().max(1)).enumerate() {
        let frames = if token < first_frame_tokens { 1 } else { 4 };
        for (prop, count) in counts.iter().enumerate() {
            let parts = count * PARTS / (frames * PATCH_PIXELS * PATCH_PIXELS);
            if parts > 0 {
                covered.push([token, props[prop].colour.index(), props[prop].shape.index(), parts]);
            }
        }
    }
    labels[KEY] = json!(covered);
}

/// For each token the share of it that each colour and shape covers: `[tokens, SEMANTIC_FEATURES]`, 0 to 1.
///
/// `None` when the labels do not say.
pub fn targets(labels: &Value, tokens: usize) -> Option<Vec<f32>> {
    let mut targets = vec![0.0; tokens * SEMANTIC_FEATURES];
    for entry in labels.get(KEY)?.as_array()? {
        let number = |index: usize| Some(entry.get(index)?.as_u64()? as usize);
        let (token, colour, shape, parts) = (number(0)?, number(1)?, number(2)?, number(3)?);
        if token >= tokens || colour >= Colour::ALL.len() || shape >= Shape::ALL.len() {
            return None;
        }
        let features = &mut targets[token * SEMANTIC_FEATURES..][..SEMANTIC_FEATURES];
        let share = parts as f32 / PARTS as f32;
        features[colour] = (features[colour] + share).min(1.0);
        features[Colour::ALL.len() + shape] = (features[Colour::ALL.len() + shape] + share).min(1.0);
    }
    Some(targets)
}

#[cfg(test)]
mod tests {
    use worlds::{Material, Prop};

    use super::*;

    #[test]
    fn a_covered_patch_is_told_by_colour_and_shape() {
        let prop = Prop { shape: Shape::Cube, colour: Colour::Blue, material: Material::Matte, size: 1.0 };
        // Five frames of 32×16: the object fills the right half, except in the first frame.
        let right: Vec<u8> = (0..32 * 16).map(|pixel| u8::from(pixel % 32 >= 16)).collect();
        let frames = [vec![vec![0; 32 * 16]], vec![right; 4]].concat();
        let mut labels = json!({});
        add_coverage(&mut labels, &frames, (32, 16), &[prop]);
        let targets = targets(&labels, 4).unwrap();
        let of = |token: usize| &targets[token * SEMANTIC_FEATURES..][..SEMANTIC_FEATURES];
        assert!(of(0).iter().chain(of(1)).chain(of(2)).all(|share| *share == 0.0));
        let mut expected = [0.0; SEMANTIC_FEATURES];
        expected[Colour::Blue.index()] = 1.0;
        expected[Colour::ALL.len() + Shape::Cube.index()] = 1.0;
        assert_eq!(of(3), expected);
    }

    #[test]
    fn labels_without_coverage_have_no_targets() {
        assert_eq!(targets(&json!({ "colour": "red" }), 4), None);
    }
}
