//! WebDataset tar files of others: pictures, films and texts are read, and damage is named.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test that cannot go on should stop")]

use std::{fs, path::Path};

use dataset::{
    DatasetError, OnDamage, Sample, ShardWriter, ShardWriterSettings, WebDataset, shards::WebDatasetSettings,
};
use video::{Clip, Frame, FrameRate, Resolution};

fn settings(on_damage: OnDamage) -> WebDatasetSettings {
    WebDatasetSettings::new(on_damage, FrameRate::new(24, 1).unwrap())
}

fn clip(num_frames: u8) -> Clip {
    let size = Resolution::new(32, 16).unwrap();
    let frames = (0..num_frames).map(|t| Frame::filled(size, [200, 40 + 10 * t, 60])).collect();
    Clip::new(frames, FrameRate::new(12, 1).unwrap()).unwrap()
}

fn write_tar(path: &Path, files: &[(&str, &[u8])]) {
    let mut builder = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append_data(&mut header, name, *contents).unwrap();
    }
    builder.finish().unwrap();
}

/// A picture with a text, a film with labels, an array with a caption, and files without pictures.
fn write_mixed(path: &Path) {
    let mp4 = video::encode_mp4(&clip(6)).unwrap();
    let png = video::encode_png(&clip(1).frames()[0]).unwrap();
    let npy = dataset::shards::npy::encode(&clip(3));
    write_tar(
        path,
        &[
            ("README", b"nothing to see"),
            ("a/0001.PNG", &png),
            ("a/0001.txt", "  a red wall \n".as_bytes()),
            ("a/0002.json", br#"{"caption": "a film", "score": 0.5}"#),
            ("a/0002.mp4", &mp4),
            ("a/0003.npy", &npy),
            ("a/0003.json", r#"{"text": "一段视频"}"#.as_bytes()),
            ("a/0004.txt", b"words alone"),
        ],
    );
}

#[test]
fn pictures_films_arrays_and_their_texts_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write_mixed(&folder.path().join("others-0.tar"));
    let dataset = WebDataset::open(folder.path(), settings(OnDamage::Refuse)).unwrap();
    assert_eq!((dataset.len(), dataset.is_empty(), dataset.key(1)), (3, false, Some("a/0002")));

    let picture = dataset.get(0).unwrap();
    assert_eq!(picture.clip.frames(), clip(1).frames());
    assert_eq!((picture.captions[0].text.as_str(), picture.captions.len()), ("a red wall", 1));
    assert_eq!(picture.clip.frame_rate(), FrameRate::new(24, 1).unwrap());

    let film = dataset.get(1).unwrap();
    assert_eq!((film.clip.frames().len(), film.clip.frame_rate().to_string()), (6, "12".into()));
    let original = clip(6);
    let error = film.clip.frames()[3].rgb().iter().zip(original.frames()[3].rgb()).map(|(a, b)| a.abs_diff(*b));
    assert!(error.max().unwrap() < 12, "the film's colours come through H.264");
    assert_eq!((film.captions[0].text.as_str(), &film.labels["score"]), ("a film", &serde_json::json!(0.5)));

    let array = dataset.get(2).unwrap();
    assert_eq!((array.clip.frames(), array.captions[0].text.as_str()), (clip(3).frames(), "一段视频"));
    assert!(matches!(dataset.get(3), Err(DatasetError::NoSuchSample { .. })));
}

#[test]
fn our_own_shards_are_a_webdataset_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = ShardWriter::open(ShardWriterSettings {
        folder: folder.path().to_owned(),
        max_shard_bytes: 1 << 20,
        recipe: serde_json::Value::Null,
    })
    .unwrap();
    let sample =
        Sample { clip: clip(3), captions: Vec::new(), labels: serde_json::json!("red"), seed: Some(9), camera: None };
    writer.append(&sample).unwrap();
    writer.finish().unwrap();
    let dataset = WebDataset::open(folder.path(), settings(OnDamage::Refuse)).unwrap();
    assert_eq!(dataset.get(0).unwrap(), sample);
}

#[test]
fn a_cut_tar_is_named_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("others-0.tar");
    write_mixed(&path);
    let whole = fs::read(&path).unwrap();
    for len in (0..whole.len()).step_by(256) {
        fs::write(&path, &whole[..len]).unwrap();
        let error = WebDataset::open(&path, settings(OnDamage::Refuse)).unwrap_err();
        assert!(error.to_string().contains("others-0.tar"), "{error}");
        let rest = WebDataset::open(&path, settings(OnDamage::Skip)).unwrap();
        assert!(!rest.report().is_empty(), "cut to {len} bytes");
        for index in 0..rest.len() {
            assert!(rest.get(index).is_ok(), "what is left after a cut to {len} bytes is whole");
        }
    }
}

#[test]
fn an_overwritten_header_does_not_end_the_shard_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("others-0.tar");
    write_mixed(&path);
    let mut bytes = fs::read(&path).unwrap();
    for fill in [0, 0xaa] {
        bytes[3072..3584].fill(fill); // the header of a/0002.json
        fs::write(&path, &bytes).unwrap();
        let error = WebDataset::open(&path, settings(OnDamage::Refuse)).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}

#[test]
fn damaged_members_and_absurd_headers_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.tar");
    let png = video::encode_png(&clip(1).frames()[0]).unwrap();
    write_tar(
        &path,
        &[
            ("cut.png", &png[..png.len() / 2]),
            ("none.png", b""),
            ("text.txt", b"\xff\xfe"),
            ("text.png", &png),
            ("json.json", b"{"),
            ("json.png", &png),
            ("good.png", &png),
        ],
    );
    let dataset = WebDataset::open(&path, settings(OnDamage::Skip)).unwrap();
    assert_eq!(dataset.len(), 5);
    for index in 0..4 {
        let error = dataset.get(index).unwrap_err();
        assert!(matches!(error, DatasetError::Damaged(_)), "{error}");
        assert!(error.to_string().contains("bad.tar") && error.to_string().contains(dataset.key(index).unwrap()));
    }
    assert!(dataset.get(4).is_ok());

    let small = WebDatasetSettings { max_member_bytes: 10, ..settings(OnDamage::Refuse) };
    assert!(WebDataset::open(&path, small).unwrap_err().to_string().contains("at most 10"));

    // A header that claims 8 GiB, with its check sum made right.
    let mut bytes = fs::read(&path).unwrap();
    bytes[124..136].copy_from_slice(b"77777777777\0");
    bytes[148..156].fill(b' ');
    let sum: u32 = bytes[..512].iter().map(|&byte| u32::from(byte)).sum();
    bytes[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    fs::write(&path, &bytes).unwrap();
    let error = WebDataset::open(&path, settings(OnDamage::Refuse)).unwrap_err();
    assert!(error.to_string().contains("cut short"), "{error}");
}
