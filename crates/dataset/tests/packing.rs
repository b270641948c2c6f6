//! Packing: every item once in each epoch, nothing over the limit, sequences nearly full, and always the same.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should stop")]

use dataset::{DatasetError, Pack, Packer, PackerState, PackingSettings, TokenGrid};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Clips and images of several resolutions, durations and aspect ratios, as 8× autoencoding and 2×2 patches leave them.
fn mixed(num_items: usize, seed: u64) -> Vec<TokenGrid> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sizes = [(8, 8), (6, 10), (10, 6), (4, 4), (4, 6), (6, 4), (12, 7)];
    (0..num_items)
        .map(|_| {
            let (rows, columns) = sizes[rng.random_range(0..sizes.len())];
            let frames = if rng.random_bool(0.4) { 1 } else { [3, 5, 9, 13, 17][rng.random_range(0..5)] };
            TokenGrid { frames, rows, columns }
        })
        .collect()
}

fn settings(max_tokens: usize) -> PackingSettings {
    PackingSettings { max_tokens, look_ahead: 256, seed: 5 }
}

fn epoch(packer: &mut Packer) -> Vec<Pack> {
    let number = packer.state().epoch;
    let packs: Vec<Pack> = packer.clone().take_while(|pack| pack.epoch == number).collect();
    packs.iter().for_each(|_| drop(packer.next_pack()));
    packs
}

#[test]
fn every_item_comes_exactly_once_in_each_epoch() {
    for trial in 0..30 {
        let mut rng = ChaCha8Rng::seed_from_u64(trial);
        let num_items = rng.random_range(1..400);
        let items = mixed(num_items, trial);
        let max_tokens = rng.random_range(1428..5000);
        let look_ahead = rng.random_range(0..100);
        let mut packer = Packer::new(items.clone(), PackingSettings { max_tokens, look_ahead, seed: trial }).unwrap();
        let mut first: Option<Vec<Pack>> = None;
        for number in 0..3 {
            let packs = epoch(&mut packer);
            let mut seen = vec![0; items.len()];
            for pack in &packs {
                assert_eq!(pack.epoch, number);
                assert!(pack.num_tokens() <= max_tokens);
                assert_eq!(pack.segments().iter().sum::<usize>(), pack.num_tokens());
                assert_eq!(pack.boundaries().last(), Some(&pack.num_tokens()));
                assert!(pack.grids.is_sorted(), "equal shapes lie side by side");
                for (&sample, grid) in pack.samples.iter().zip(&pack.grids) {
                    assert_eq!(&items[sample], grid);
                    seen[sample] += 1;
                }
            }
            assert!(seen.iter().all(|&times| times == 1), "trial {trial}, epoch {number}");
            if items.len() > 20 {
                assert_ne!(first.as_ref(), Some(&packs), "epochs are shuffled differently");
            }
            first.get_or_insert(packs);
        }
    }
}

#[test]
fn a_mixed_set_fills_sequences_to_95_percent() {
    for (max_tokens, num_items) in [(1536, 2000), (2048, 2000), (4096, 5000), (8192, 5000)] {
        let report = Packer::new(mixed(num_items, 11), settings(max_tokens)).unwrap().report();
        println!("max_tokens {max_tokens}: {:.4} in {} packs", report.efficiency(), report.packs);
        assert!(report.efficiency() >= 0.95, "{max_tokens}: {}", report.efficiency());
        assert_eq!(report.samples, num_items);
    }
}

#[test]
fn the_same_seed_gives_the_same_stream_and_another_seed_another() {
    let stream = |seed| {
        Packer::new(mixed(200, 1), PackingSettings { seed, ..settings(2048) }).unwrap().take(100).collect::<Vec<_>>()
    };
    assert_eq!(stream(1), stream(1));
    assert_ne!(stream(1), stream(2));
}

#[test]
fn resumes_anywhere_and_goes_on_alike() {
    let items = mixed(150, 2);
    let mut packer = Packer::new(items.clone(), settings(2048)).unwrap();
    for _ in 0..80 {
        let saved = serde_json::to_string(&packer.state()).unwrap();
        let state: PackerState = serde_json::from_str(&saved).unwrap();
        let mut resumed =
            Packer::resume(items.clone(), PackingSettings { seed: 999, ..settings(2048) }, state).unwrap();
        assert_eq!(resumed.state(), packer.state());
        for (theirs, ours) in resumed.by_ref().zip(packer.clone()).take(3) {
            assert_eq!(theirs, ours);
        }
        packer.next_pack();
    }
    assert!(packer.state().epoch >= 1, "the trial crosses an epoch's end");
}

#[test]
fn a_place_among_other_items_is_refused() {
    let state = Packer::new(mixed(10, 1), settings(2048)).unwrap().state();
    let resumed = Packer::resume(mixed(11, 1), settings(2048), state);
    assert!(matches!(resumed, Err(DatasetError::PackerState { expected: 10, actual: 11 })));
}

#[test]
fn a_position_beyond_the_epoch_goes_to_the_next_one() {
    let state = PackerState { position: usize::MAX, ..Packer::new(mixed(10, 1), settings(2048)).unwrap().state() };
    assert_eq!(Packer::resume(mixed(10, 1), settings(2048), state).unwrap().next_pack().epoch, 1);
}

#[test]
fn items_that_no_sequence_can_hold_are_named() {
    let clip = TokenGrid { frames: 2, rows: 8, columns: 8 };
    let error = Packer::new(vec![clip, TokenGrid { frames: 40, ..clip }], settings(2048)).unwrap_err();
    assert!(matches!(error, DatasetError::TokenCount { item: 1, num_tokens: 2560, .. }), "{error}");
    assert!(Packer::new(vec![TokenGrid { frames: 0, ..clip }], settings(2048)).is_err());
    assert!(Packer::new(vec![TokenGrid { frames: usize::MAX, ..clip }], settings(2048)).is_err());
    assert!(Packer::new(vec![], settings(2048)).is_err());
}
