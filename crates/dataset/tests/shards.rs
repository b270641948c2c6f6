//! Shards: what is written comes back, and every kind of damage is named and never read.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should stop")]

use std::{fs, path::Path};

use dataset::{
    Dataset, DatasetError, Filter, OnDamage, Sample, ShardWriter, ShardWriterSettings, filters,
    shards::{Caption, Detail, verify},
};
use serde_json::{Value, json};
use video::{Clip, Frame, FrameRate, Resolution};

type Damage<'a> = &'a dyn Fn(&Path);
type ChangeIndex<'a> = &'a dyn Fn(&mut Value);

fn sample(seed: u64) -> Sample {
    let (width, height, num_frames) = [(8, 6, 5), (6, 8, 1), (12, 4, 3)][seed as usize % 3];
    let size = Resolution::new(width, height).unwrap();
    let frames = (0..num_frames).map(|t| {
        let rgb = (0..size.pixel_count() * 3).map(|i| (i as u64 * 7 + t * 31 + seed * 13) as u8).collect();
        Frame::new(size, rgb).unwrap()
    });
    let caption = |language: &str, detail, text: &str| Caption { language: language.into(), detail, text: text.into() };
    Sample {
        clip: Clip::new(frames.collect(), FrameRate::new(30_000, 1001).unwrap()).unwrap(),
        captions: vec![
            caption("en", Detail::Short, "A red ball rolls."),
            caption("zh", Detail::Detailed, "一个红色的球在草地上滚动。"),
        ],
        labels: json!({"colour": if seed.is_multiple_of(2) { "red" } else { "blue" }, "number": seed}),
        seed: Some(u64::MAX - seed),
        camera: None,
    }
}

fn writer(folder: &Path) -> Result<ShardWriter, DatasetError> {
    ShardWriter::open(ShardWriterSettings {
        folder: folder.to_owned(),
        max_shard_bytes: 6000,
        recipe: json!({"made": "by hand"}),
    })
}

/// Twelve samples in shards of about three.
fn twelve(folder: &Path) {
    let mut writer = writer(folder).unwrap();
    (0..12).for_each(|seed| writer.append(&sample(seed)).unwrap());
    assert_eq!(writer.finish().unwrap().num_samples(), 12);
}

#[test]
fn what_is_written_comes_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    twelve(folder.path());
    let dataset = Dataset::open(folder.path(), OnDamage::Refuse).unwrap();
    assert_eq!((dataset.len(), dataset.is_empty(), dataset.index().complete), (12, false, true));
    assert!(dataset.index().shards.len() > 2, "rolls over to new shards");
    for (seed, read) in dataset.iter().enumerate() {
        assert_eq!(read.unwrap(), sample(seed as u64));
    }
    assert_eq!(dataset.get(7).unwrap(), sample(7));
    assert_eq!(dataset.entry(7).unwrap().key, "000000007");
    assert!(matches!(dataset.get(12), Err(DatasetError::NoSuchSample { index: 12, len: 12 })));
    let report = verify(folder.path()).unwrap();
    assert!(report.is_sound() && report.complete && report.unlisted.is_empty());
}

#[test]
fn the_same_samples_give_the_same_bytes() {
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    twelve(first.path());
    twelve(second.path());
    for name in ["index.json", "shard-000000.tar", "shard-000002.tar"] {
        assert_eq!(fs::read(first.path().join(name)).unwrap(), fs::read(second.path().join(name)).unwrap());
    }
}

#[test]
fn goes_on_after_the_last_whole_shard_and_ends_alike() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    twelve(whole.path());
    let mut first = writer(broken.path()).unwrap();
    (0..8).for_each(|seed| first.append(&sample(seed)).unwrap());
    drop(first); // as if killed
    let partly = Dataset::open(broken.path(), OnDamage::Refuse).unwrap();
    assert!(!partly.index().complete && !partly.is_empty() && partly.len() < 8);

    let mut second = writer(broken.path()).unwrap();
    assert_eq!(second.num_samples(), partly.len());
    (partly.len() as u64..12).for_each(|seed| second.append(&sample(seed)).unwrap());
    assert_eq!(second.finish().unwrap(), *Dataset::open(whole.path(), OnDamage::Refuse).unwrap().index());
    assert!(verify(broken.path()).unwrap().is_sound());

    let other = ShardWriter::open(ShardWriterSettings {
        folder: broken.path().to_owned(),
        max_shard_bytes: 6000,
        recipe: json!("another"),
    });
    assert!(matches!(other, Err(DatasetError::Request(_))), "data made otherwise are not mixed in");
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Everything that is still read is what was written; gives how many samples that is.
fn intact_samples(dataset: &Dataset) -> usize {
    let mut samples = dataset.iter();
    let mut count = 0;
    for read in samples.by_ref() {
        let read = read.unwrap();
        assert_eq!(read, sample(u64::MAX - read.seed.unwrap()));
        count += 1;
    }
    assert_eq!(count as u64 + samples.report().samples_lost() + dataset.report().samples_lost(), 12);
    count
}

#[test]
fn a_cut_or_lengthened_or_missing_shard_is_named() {
    let damages: [(&str, Damage); 4] = [
        ("cut short", &|path| change(path, |bytes| bytes.truncate(3000))),
        ("cut short", &|path| change(path, Vec::clear)),
        ("were written", &|path| change(path, |bytes| bytes.extend([0; 512]))),
        ("missing", &|path| fs::remove_file(path).unwrap()),
    ];
    for (reason, damage) in damages {
        let folder = tempfile::tempdir().unwrap();
        twelve(folder.path());
        damage(&folder.path().join("shard-000001.tar"));
        let message = Dataset::open(folder.path(), OnDamage::Refuse).unwrap_err().to_string();
        assert!(message.contains("shard-000001.tar") && message.contains(reason), "{message}");
        let dataset = Dataset::open(folder.path(), OnDamage::Skip).unwrap();
        assert!(dataset.report().to_string().contains("shard-000001.tar"));
        assert!((1..12).contains(&intact_samples(&dataset)));
        let report = verify(folder.path()).unwrap();
        assert!(!report.is_sound() && report.damage.damages[0].file == "shard-000001.tar");
    }
}

#[test]
fn a_flipped_byte_is_noticed_wherever_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    twelve(folder.path());
    let path = folder.path().join("shard-000001.tar");
    let whole = fs::read(&path).unwrap();
    for place in (0..whole.len()).step_by(97) {
        change(&path, |bytes| bytes[place] ^= 0x10);
        let report = verify(folder.path()).unwrap();
        assert_eq!(report.damage.damages.len(), 1, "byte {place}");
        assert_eq!(report.damage.damages[0].file, "shard-000001.tar");
        let skipping = Dataset::open(folder.path(), OnDamage::Skip).unwrap();
        let intact = intact_samples(&skipping);
        assert!(intact >= 11);
        let refusing = Dataset::open(folder.path(), OnDamage::Refuse).unwrap();
        assert_eq!(refusing.iter().filter(Result::is_err).count(), 12 - intact);
        fs::write(&path, &whole).unwrap();
    }
}

/// The index as JSON after a change, and what opening it says.
fn open_with_index(change: impl FnOnce(&mut Value)) -> Result<Dataset, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    twelve(folder.path());
    let path = folder.path().join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(&mut index);
    fs::write(&path, index.to_string()).unwrap();
    Dataset::open(folder.path(), OnDamage::Skip)
}

#[test]
fn an_index_that_says_impossible_things_is_refused() {
    assert!(open_with_index(|_| {}).is_ok());
    let changes: [(&str, ChangeIndex); 20] = [
        ("plain file name", &|index| index["shards"][0]["file"] = json!("../../etc/passwd")),
        ("plain file name", &|index| index["shards"][0]["file"] = json!("/etc/passwd")),
        ("plain file name", &|index| index["shards"][0]["file"] = json!("..")),
        ("plain file name", &|index| index["shards"][0]["file"] = json!("")),
        ("listed twice", &|index| index["shards"][0]["file"] = json!("shard-000001.tar")),
        ("hexadecimal", &|index| index["shards"][0]["blake3"] = json!("abc")),
        ("are listed", &|index| index["shards"][0]["num_samples"] = json!(99)),
        ("without dots", &|index| index["shards"][0]["samples"][0]["key"] = json!("a/../../b")),
        ("listed twice", &|index| index["shards"][0]["samples"][1]["key"] = json!("000000000")),
        ("hexadecimal", &|index| index["shards"][0]["samples"][0]["blake3"] = json!("é".repeat(32))),
        ("cannot lie at", &|index| index["shards"][0]["samples"][0]["offset"] = json!(u64::MAX - 511)),
        ("cannot lie at", &|index| index["shards"][0]["samples"][0]["offset"] = json!(1)),
        ("cannot lie at", &|index| index["shards"][0]["samples"][0]["bytes"] = json!(1_u64 << 60)),
        ("cannot lie at", &|index| index["shards"][0]["bytes"] = json!(10)),
        ("do not fit", &|index| index["shards"][0]["samples"][0]["num_frames"] = json!(u64::MAX)),
        ("do not fit", &|index| index["shards"][0]["samples"][0]["num_frames"] = json!(0)),
        ("picture size", &|index| index["shards"][0]["samples"][0]["resolution"] = json!("100000x100000")),
        ("frame rate", &|index| index["shards"][0]["samples"][0]["frame_rate"] = json!("0")),
        ("its format is", &|index| index["format"] = json!("something else")),
        ("missing field", &|index| drop(index.as_object_mut().unwrap().remove("shards"))),
    ];
    for (reason, change) in changes {
        let error = open_with_index(change).unwrap_err();
        assert!(matches!(error, DatasetError::Format { .. }), "{error}");
        assert!(error.to_string().contains(reason), "expected {reason:?} in: {error}");
    }
    let version = open_with_index(|index| index["version"] = json!(2)).unwrap_err();
    assert!(matches!(version, DatasetError::Version { actual: 2, expected: 1, .. }), "{version}");
}

#[test]
fn an_index_with_wrong_sizes_or_places_never_gives_another_sample() {
    let swapped = |index: &mut Value| {
        let samples = &mut index["shards"][0]["samples"];
        let key = samples[0]["key"].take();
        samples[0]["key"] = samples[1]["key"].take();
        samples[1]["key"] = key;
    };
    // The folder is gone by now, so that only opening is looked at here; reading is looked at below.
    assert!(open_with_index(swapped).is_ok());

    let folder = tempfile::tempdir().unwrap();
    twelve(folder.path());
    let path = folder.path().join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    swapped(&mut index);
    index["shards"][1]["samples"][0]["resolution"] = json!("4x4");
    fs::write(&path, index.to_string()).unwrap();
    let report = verify(folder.path()).unwrap();
    assert_eq!(report.damage.samples_lost(), 3, "{}", report.damage);
}

#[test]
fn a_cut_index_and_a_folder_without_one_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Dataset::open(folder.path(), OnDamage::Skip).unwrap_err();
    assert!(error.to_string().contains("index.json"), "{error}");
    assert!(Dataset::open(&folder.path().join("nowhere"), OnDamage::Skip).is_err());
    twelve(folder.path());
    change(&folder.path().join("index.json"), |bytes| bytes.truncate(bytes.len() / 2));
    let error = Dataset::open(folder.path(), OnDamage::Skip).unwrap_err();
    assert!(matches!(error, DatasetError::Format { .. }), "{error}");
}

#[test]
fn samples_are_chosen_by_size_duration_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    twelve(folder.path());
    let dataset = Dataset::open(folder.path(), OnDamage::Refuse).unwrap();
    let size = |text: &str| Some(text.parse().unwrap());
    let select = |filter: Filter| filter.select(&dataset).unwrap();
    assert_eq!(select(Filter::default()).len(), 12);
    assert_eq!(select(Filter { num_frames: Some(1..=1), ..Filter::default() }), [1, 4, 7, 10]);
    assert_eq!(select(Filter { min_resolution: size("7x5"), ..Filter::default() }), [0, 3, 6, 9]);
    assert_eq!(select(Filter { max_resolution: size("12x6"), ..Filter::default() }), [0, 2, 3, 5, 6, 8, 9, 11]);
    assert_eq!(select(Filter { duration_secs: Some(0.15..=9.0), ..Filter::default() }), [0, 3, 6, 9]);
    let red = Filter {
        num_frames: Some(3..=3),
        labels: Some(Box::new(|labels| labels["colour"] == "red")),
        ..Filter::default()
    };
    assert_eq!(select(red), [2, 8]);
    let buckets = filters::buckets(dataset.entries());
    assert_eq!(buckets.len(), 3);
    assert!(buckets.iter().all(|bucket| bucket.samples == 4));
}
