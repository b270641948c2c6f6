//! What a file carries besides its pictures comes back, and a seal is the last thing that happens to it.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

mod support;

use std::{
    io::{Read, Seek, Write},
    sync::Arc,
};

use support::ball;
use tempfile::SpooledTempFile;
use video::{Extras, OutputFormat, ReadLimits, Seal, Tag, VideoError, read_clip, read_tags, write_clip_with};

/// Appends a mark to whatever it is given.
struct Stamp;

const STAMP: &[u8] = b"\0\0\0\x0Cfree-end";

impl Seal for Stamp {
    fn seal(&self, _: OutputFormat, mut whole: SpooledTempFile) -> Result<SpooledTempFile, VideoError> {
        let mut bytes = Vec::new();
        whole.read_to_end(&mut bytes).unwrap();
        assert!(!bytes.is_empty());
        let mut sealed = SpooledTempFile::new(100);
        sealed.write_all(&bytes).unwrap();
        sealed.write_all(STAMP).unwrap();
        sealed.rewind().unwrap();
        Ok(sealed)
    }
}

/// Refuses.
struct Broken;

impl Seal for Broken {
    fn seal(&self, _: OutputFormat, _: SpooledTempFile) -> Result<SpooledTempFile, VideoError> {
        Err(VideoError::Seal { message: "no wax".to_owned() })
    }
}

fn tags() -> Vec<Tag> {
    let long = format!("{{\"Label\":\"1\",\"ContentProducer\":\"{}\"}}", "m".repeat(600));
    vec![Tag { key: "AIGC".into(), value: long }, Tag { key: "Comment".into(), value: "a ball".into() }]
}

#[test]
fn tags_come_back_from_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for (name, frames) in [("a.mp4", 3), ("a.gif", 3), ("a.png", 1), ("a.jpg", 1), ("frames", 3)] {
        let (clip, path) = (ball(64, 48, frames, (16, 1)), folder.path().join(name));
        write_clip_with(&clip, &path, Extras { tags: tags(), seal: None }).unwrap();
        assert_eq!(read_tags(&path).unwrap(), tags(), "{name}");
        assert_eq!(read_clip(&path, &ReadLimits::default()).unwrap().frames().len(), frames, "{name}");
        write_clip_with(&clip, &path, Extras::default()).unwrap();
        assert_eq!(read_tags(&path).unwrap(), [], "{name}");
    }
}

#[test]
fn a_seal_comes_last_and_without_it_there_is_no_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in
        [("a.mp4", "a.mp4"), ("a.gif", "a.gif"), ("a.png", "a.png"), ("frames", "frames/frame_0001.png")]
    {
        let (clip, path) = (ball(64, 48, 1, (16, 1)), folder.path().join(name));
        let refused = write_clip_with(&clip, &path, Extras { tags: tags(), seal: Some(Arc::new(Broken)) });
        assert!(refused.unwrap_err().to_string().contains("no wax"));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0, "{name}");
        write_clip_with(&clip, &path, Extras { tags: tags(), seal: Some(Arc::new(Stamp)) }).unwrap();
        assert!(std::fs::read(folder.path().join(file)).unwrap().ends_with(STAMP), "{name}");
        assert_eq!(read_tags(&path).unwrap(), tags(), "{name}");
        if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }.unwrap();
    }
}
