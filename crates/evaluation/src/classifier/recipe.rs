//! What the classifier that is shipped learns from.

use video::Resolution;
use worlds::{CameraMove, Daytime, Distribution, FilmSettings, Split, Weights};

use crate::{
    EvaluationError,
    films::{self, FilmSet},
    pixels,
};

/// Films that are rendered and kept together.
const PORTION: usize = 64;

/// About `films` films, portion by portion, of all combinations, those too that models never see in training.
///
/// A measuring instrument must not share what it measures: of the combinations of a shape and a motion one colour is held
/// out, so that whoever has never seen these learns from colour and motion that the shape is another one.
///
/// Mostly one clear object for two seconds, every motion and every camera move equally often; some films of one second
/// and of four, wide ones, tall ones and small ones, and some of everything that worlds can show.
///
/// # Errors
/// Never, but for sizes that this program does not know.
pub fn training_films(films: usize) -> Result<Vec<FilmSet>, EvaluationError> {
    let cameras = Weights::even(CameraMove::ALL);
    let night = |daytime| if daytime == Daytime::Night { 0.3 } else { 1.0 };
    let simple = Distribution {
        cameras: cameras.clone(),
        daytimes: Weights::new(Daytime::ALL.iter().map(|&daytime| (daytime, night(daytime)))),
        split: Split::Any,
        ..Distribution::simple()
    };
    let full = Distribution { cameras, split: Split::Any, ..Distribution::full() };
    let short = pixels::SHORT_SIDE as u32;
    let long = short * 5 / 3;
    // Small videos come to the reading scale coarse.
    let coarse = short * 2 / 3;
    let mut portions = Vec::new();
    let mut first_seed = films::CLASSIFIER_SEED;
    for (distribution, [width, height], per_second, share) in [
        (&simple, [short, short], 8, 0.65),
        (&simple, [coarse, coarse], 8, 0.1),
        (&simple, [short, short], 16, 0.06),
        (&simple, [short, short], 4, 0.04),
        (&full, [short, short], 8, 0.09),
        (&simple, [long, short], 8, 0.03),
        (&simple, [short, long], 8, 0.03),
    ] {
        let settings = FilmSettings {
            resolution: Resolution::new(width, height)?,
            frame_rate: films::frame_rate(per_second)?,
            num_frames: pixels::MAX_FRAMES,
        };
        for _ in 0..(films as f64 * share / PORTION as f64).ceil() as usize {
            portions.push(FilmSet { distribution: distribution.clone(), settings, count: PORTION, first_seed });
            first_seed += PORTION as u64;
        }
    }
    Ok(portions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_as_they_are_read_and_any_combination_is_among_them() {
        let portions = training_films(1000).unwrap();
        assert!((1000..1400).contains(&portions.iter().map(|set| set.count).sum::<usize>()));
        let mut next = films::CLASSIFIER_SEED;
        for set in portions {
            assert_eq!(set.first_seed, next, "no film comes twice");
            next += set.count as u64;
            let film = films::render(&set, 0..1).unwrap().remove(0);
            assert_eq!(set.distribution.split, Split::Any);
            let size = film.clip.resolution();
            assert!(size.width().min(size.height()) as usize <= pixels::SHORT_SIDE, "larger films only take longer");
            assert_eq!(film.clip.frames().len(), pixels::MAX_FRAMES);
        }
    }
}
