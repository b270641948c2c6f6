//! The latent cache: what is written comes back, and every kind of damage is named.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should stop")]

use std::{fs, path::Path};

use dataset::{
    AutoencoderFingerprint, DatasetError, LatentCache, LatentCacheSettings, LatentSample, LatentWriter, OnDamage,
    latents::LatentWriterSettings,
};
use half::f16;

fn sample(seed: u64) -> LatentSample {
    let shape = if seed.is_multiple_of(3) { [4, 1, 6, 4] } else { [4, 3, 4, 4] };
    let len: usize = shape.iter().product();
    LatentSample {
        latents: (0..len).map(|i| f16::from_f32((i as f32 + seed as f32).sin())).collect(),
        shape,
        captions: vec![format!("a red ball {seed}"), format!("一个红色的球 {seed}")],
        camera: (seed % 2 == 1)
            .then(|| (0..shape[1]).map(|t| [t as f32 * 0.1, 1.0 / 3.0, 0.0, -1e-7, 5.0, 0.7]).collect()),
        seed,
        labels: serde_json::json!({"colour": "red", "nested": [1, 2.5, null]}),
    }
}

fn fingerprint(name: &str) -> AutoencoderFingerprint {
    AutoencoderFingerprint::of(&[name.as_bytes()])
}

fn writer(folder: &Path, max_file_bytes: u64) -> Result<LatentWriter, DatasetError> {
    LatentWriter::open(LatentWriterSettings {
        folder: folder.to_owned(),
        autoencoder: fingerprint("mine"),
        max_file_bytes,
    })
}

fn settings(folder: &Path, on_damage: OnDamage) -> LatentCacheSettings {
    LatentCacheSettings {
        folder: folder.to_owned(),
        autoencoder: fingerprint("mine"),
        on_damage,
        memory_budget_bytes: 1 << 20,
    }
}

/// Ten samples in files of three or so.
fn ten(folder: &Path) {
    let mut writer = writer(folder, 1500).unwrap();
    (0..10).for_each(|seed| writer.append(&sample(seed)).unwrap());
    assert_eq!(writer.finish().unwrap(), 10);
}

fn seeds(cache: &LatentCache) -> Vec<u64> {
    cache.samples().iter().map(|sample| sample.seed).collect()
}

#[test]
fn what_is_written_comes_back_exactly() {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    assert!(fs::read_dir(folder.path()).unwrap().count() > 2, "rolls over to new files");
    let cache = LatentCache::open(settings(folder.path(), OnDamage::Refuse)).unwrap();
    assert_eq!((cache.len(), cache.is_empty()), (10, false));
    for seed in 0..10 {
        assert_eq!(cache.get(seed as usize).unwrap(), &sample(seed));
    }
    assert!(cache.get(10).is_none());
    let grids = cache.token_grids(2).unwrap();
    assert_eq!((grids[0].num_tokens(), grids[1].num_tokens()), (6, 12));
}

#[test]
fn goes_on_after_the_last_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let mut first = writer(folder.path(), 1500).unwrap();
    (0..5).for_each(|seed| first.append(&sample(seed)).unwrap());
    drop(first); // as if killed: the unfinished file is lost
    let mut cache = LatentCache::open(settings(folder.path(), OnDamage::Refuse)).unwrap();

    let mut second = writer(folder.path(), 1500).unwrap();
    let already = second.num_samples();
    assert!(already > 0 && already < 5, "{already}");
    assert_eq!(cache.len() as u64, already);
    (already..10).for_each(|seed| second.append(&sample(seed)).unwrap());
    second.finish().unwrap();
    assert_eq!(cache.read_new_files().unwrap() as u64, 10 - already);
    assert_eq!(seeds(&cache), (0..10).collect::<Vec<_>>());
    assert_eq!(cache.read_new_files().unwrap(), 0);
}

#[test]
fn latents_of_another_autoencoder_are_always_refused() {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    let other = LatentCacheSettings { autoencoder: fingerprint("another"), ..settings(folder.path(), OnDamage::Skip) };
    assert!(matches!(LatentCache::open(other), Err(DatasetError::Autoencoder { .. })));
    let appending = LatentWriter::open(LatentWriterSettings {
        folder: folder.path().to_owned(),
        autoencoder: fingerprint("another"),
        max_file_bytes: 1500,
    });
    assert!(matches!(appending, Err(DatasetError::Autoencoder { .. })));
}

#[test]
fn another_version_is_always_refused() {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    change(&folder.path().join("latents-000000.bin"), |bytes| bytes[8] = 99);
    let error = LatentCache::open(settings(folder.path(), OnDamage::Skip)).unwrap_err();
    assert!(matches!(error, DatasetError::Version { actual: 99, expected: 1, .. }), "{error}");
}

fn change(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

/// Damages the middle file; with `Refuse` it is an error that names it, with `Skip` the rest comes through intact.
fn damaged(expected_in_message: &str, damage: impl FnOnce(&mut Vec<u8>)) -> LatentCache {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    change(&folder.path().join("latents-000001.bin"), damage);
    let error = LatentCache::open(settings(folder.path(), OnDamage::Refuse)).unwrap_err();
    assert!(matches!(error, DatasetError::Damaged(_)), "{error}");
    let message = error.to_string();
    assert!(message.contains("latents-000001.bin") && message.contains(expected_in_message), "{message}");

    let cache = LatentCache::open(settings(folder.path(), OnDamage::Skip)).unwrap();
    assert!(!cache.report().is_empty());
    assert!(cache.report().to_string().contains("latents-000001.bin"));
    for read in cache.samples() {
        assert_eq!(read, &sample(read.seed), "what is read is never garbage");
    }
    cache
}

#[test]
fn a_flipped_byte_in_a_record_costs_that_record_only() {
    let cache = damaged("check sum", |bytes| bytes[64 + 32 + 100] ^= 1);
    assert_eq!((cache.len(), cache.report().samples_lost()), (9, 1));
}

#[test]
fn a_flipped_byte_in_a_records_head_costs_the_rest_of_its_file() {
    let cache = damaged("head is damaged", |bytes| bytes[64 + 5] ^= 1);
    assert_eq!(cache.len() as u64 + cache.report().samples_lost(), 10);
    assert!(seeds(&cache).contains(&9), "later files are read");
}

#[test]
fn a_cut_file_is_noticed_wherever_it_is_cut() {
    for cut in [1, 10, 300, 700] {
        let cache = damaged("cut short", |bytes| bytes.truncate(bytes.len() - cut));
        assert_eq!(cache.len() as u64 + cache.report().samples_lost(), 10, "cut by {cut}");
    }
    damaged("header", |bytes| bytes.truncate(20));
    damaged("header", Vec::clear);
}

#[test]
fn trailing_bytes_and_foreign_files_are_noticed() {
    assert_eq!(damaged("follow the last record", |bytes| bytes.push(0)).len(), 10);
    damaged("does not begin", |bytes| bytes[..8].copy_from_slice(b"GARBAGE!"));
}

#[test]
fn a_missing_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    fs::remove_file(folder.path().join("latents-000001.bin")).unwrap();
    let error = LatentCache::open(settings(folder.path(), OnDamage::Refuse)).unwrap_err();
    assert!(error.to_string().contains("latents-000001.bin"), "{error}");
    let cache = LatentCache::open(settings(folder.path(), OnDamage::Skip)).unwrap();
    assert!(cache.len() < 10 && !cache.report().is_empty());
    assert!(writer(folder.path(), 1500).is_err(), "a cache with a hole is not continued in silence");
}

#[test]
fn more_than_the_memory_budget_is_refused_before_reading() {
    let folder = tempfile::tempdir().unwrap();
    ten(folder.path());
    let tight = LatentCacheSettings { memory_budget_bytes: 1000, ..settings(folder.path(), OnDamage::Skip) };
    assert!(matches!(LatentCache::open(tight), Err(DatasetError::MemoryBudget { budget_bytes: 1000, .. })));
}

#[test]
fn samples_that_contradict_themselves_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = writer(folder.path(), 1 << 20).unwrap();
    let good = sample(1);
    let bad = [
        LatentSample { shape: [4, 3, 4, 5], ..good.clone() },
        LatentSample { shape: [usize::MAX, 3, 4, 4], ..good.clone() },
        LatentSample { latents: vec![], shape: [0, 3, 4, 4], ..good.clone() },
        LatentSample { latents: vec![f16::NAN; good.latents.len()], ..good.clone() },
        LatentSample { camera: Some(vec![[0.0; 6]; 2]), ..good.clone() },
        LatentSample { camera: Some(vec![[f32::INFINITY; 6]; 3]), ..good.clone() },
    ];
    for sample in bad {
        assert!(matches!(writer.append(&sample), Err(DatasetError::Sample { .. })));
    }
    assert_eq!(writer.num_samples(), 0);
    assert_eq!(writer.finish().unwrap(), 0);
    assert_eq!(LatentCache::open(settings(folder.path(), OnDamage::Refuse)).unwrap().len(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let error = LatentCache::open(settings(Path::new("no/such/folder"), OnDamage::Skip)).unwrap_err();
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}
