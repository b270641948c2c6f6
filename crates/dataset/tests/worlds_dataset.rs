//! Simulated data sets: the same request gives the same bytes, in one go or in several.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should stop")]

use std::{fs, ops::ControlFlow, path::Path};

use dataset::{
    Dataset, DatasetError, OnDamage, filters,
    shards::verify,
    worlds_dataset::{WorldsBucket, WorldsDatasetRequest, WorldsSource, build},
};
use worlds::Distribution;

fn bucket(resolution: &str, num_frames: usize) -> WorldsBucket {
    WorldsBucket { resolution: resolution.parse().unwrap(), num_frames, weight: 1.0 }
}

fn source() -> WorldsSource {
    WorldsSource {
        first_seed: 100,
        distribution: Distribution::full(),
        buckets: vec![bucket("16x12", 5), bucket("12x16", 9)],
        frame_rate: "12".parse().unwrap(),
        images_share: 0.3,
    }
}

fn request(output: &Path, count: u64) -> WorldsDatasetRequest {
    WorldsDatasetRequest { output: output.to_owned(), count, source: source(), max_shard_bytes: 40_000 }
}

#[test]
fn builds_what_was_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let summary = build(&request(folder.path(), 40), &mut |progress| {
        told.push(progress.done);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!((summary.resumed_from, summary.samples, summary.complete), (0, 40, true));
    assert!(told.is_sorted() && told.last() == Some(&40));
    assert!(verify(folder.path()).unwrap().is_sound());

    let dataset = Dataset::open(folder.path(), OnDamage::Refuse).unwrap();
    let images = dataset.entries().filter(|entry| entry.num_frames == 1).count();
    assert!((4..=20).contains(&images), "{images} of 40 are images");
    assert_eq!(filters::buckets(dataset.entries()).len(), 4, "clips and images of two sizes");
    for (i, sample) in dataset.iter().enumerate() {
        let sample = sample.unwrap();
        assert_eq!(sample.seed, Some(100 + i as u64));
        assert_eq!(sample.clip, source().sample(i as u64).unwrap().clip);
        assert_eq!(sample.captions.len(), 4);
        assert!(sample.captions.iter().all(|caption| !caption.text.is_empty()));
        assert!(sample.labels["colour"].is_string() && sample.labels["motion"].is_string());
        assert_eq!(sample.camera.unwrap().len(), sample.clip.frames().len());
    }
}

#[test]
fn stopped_and_continued_it_is_the_same_data_set() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    build(&request(whole.path(), 40), &mut |_| ControlFlow::Continue(())).unwrap();
    let stopped = build(&request(broken.path(), 40), &mut |_| ControlFlow::Break(())).unwrap();
    assert!(!stopped.complete && stopped.samples < 40);
    let continued = build(&request(broken.path(), 40), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((continued.resumed_from, continued.complete), (stopped.samples, true));
    let samples = |folder: &Path| -> Vec<_> {
        Dataset::open(folder, OnDamage::Refuse).unwrap().iter().map(Result::unwrap).collect()
    };
    assert_eq!(samples(whole.path()), samples(broken.path()));
    let again = build(&request(broken.path(), 40), &mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!((again.resumed_from, again.samples), (40, 40), "nothing is left to do");
}

#[test]
fn requests_that_make_no_sense_are_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("new");
    let refuse = |change: &dyn Fn(&mut WorldsDatasetRequest)| {
        let mut request = request(&output, 4);
        change(&mut request);
        let error = build(&request, &mut |_| ControlFlow::Continue(())).unwrap_err();
        assert!(!output.exists(), "{error}");
        error
    };
    assert!(matches!(refuse(&|request| request.count = 0), DatasetError::Request(_)));
    assert!(matches!(refuse(&|request| request.source.buckets.clear()), DatasetError::Request(_)));
    assert!(matches!(refuse(&|request| request.source.buckets[0].weight = -1.0), DatasetError::Request(_)));
    assert!(matches!(refuse(&|request| request.source.images_share = f64::NAN), DatasetError::Request(_)));
    assert!(matches!(refuse(&|request| request.source.buckets[0].num_frames = 0), DatasetError::Video(_)));
    assert!(matches!(refuse(&|request| request.source.buckets[0].num_frames = 1 << 40), DatasetError::Worlds(_)));
}

#[test]
fn another_request_does_not_go_into_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    build(&request(folder.path(), 2), &mut |_| ControlFlow::Continue(())).unwrap();
    let before = fs::read(folder.path().join("index.json")).unwrap();
    let mut other = request(folder.path(), 4);
    other.source.first_seed = 7;
    let error = build(&other, &mut |_| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error, DatasetError::Request(_)), "{error}");
    assert_eq!(fs::read(folder.path().join("index.json")).unwrap(), before);
}
