//! Files appear whole or not at all, and a place that cannot be written to is explained.

#![allow(clippy::unwrap_used, missing_docs, reason = "a failed step fails the test")]

mod support;

use std::{
    fs,
    io::{self, Write},
    path::Path,
};

use support::{ball, psnr};
use video::{Clip, Frame, VideoError, VideoWriter, write_clip, write_mp4};

const NAMES: [&str; 5] = ["a.mp4", "a.gif", "a.png", "a.jpg", "frames"];

fn clip_for(name: &str) -> Clip {
    let still = name.ends_with("png") || name.ends_with("jpg");
    ball(24, 16, if still { 1 } else { 3 }, (24, 1))
}

fn names_in(folder: &Path) -> Vec<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn an_unfinished_writer_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in NAMES {
        let clip = clip_for(name);
        let path = folder.path().join(name);
        let mut writer = VideoWriter::create(&path, clip.resolution(), clip.frame_rate()).unwrap();
        writer.write(&clip.frames()[0]).unwrap();
        assert!(!path.exists(), "{name} appeared early");
        drop(writer);
        assert_eq!(names_in(folder.path()), [""; 0], "{name}");

        let writer = VideoWriter::create(&path, clip.resolution(), clip.frame_rate()).unwrap();
        assert!(matches!(writer.finish(), Err(VideoError::NoFrames)));
        assert_eq!(names_in(folder.path()), [""; 0], "{name}");
    }
}

#[test]
fn an_old_file_stays_until_the_new_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mp4");
    fs::write(&path, "old").unwrap();
    let clip = clip_for("a.mp4");
    let mut writer = VideoWriter::create(&path, clip.resolution(), clip.frame_rate()).unwrap();
    writer.write(&clip.frames()[0]).unwrap();
    let other_size = Frame::filled("10x10".parse().unwrap(), [0; 3]);
    assert!(matches!(writer.write(&other_size), Err(VideoError::MixedResolutions { index: 1, .. })));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    writer.finish().unwrap();
    assert!(fs::read(&path).unwrap().starts_with(b"\0\0\0"));
    assert_eq!(names_in(folder.path()), ["a.mp4"]);
}

#[test]
fn missing_and_wrong_folders_are_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "x").unwrap();
    for name in NAMES {
        let clip = clip_for(name);
        for place in ["missing", "file"] {
            let path = folder.path().join(place).join(name);
            let Err(error) = write_clip(&clip, &path) else { panic!("{} was written", path.display()) };
            let text = error.to_string();
            assert!(matches!(error, VideoError::Write { .. }), "{error:?}");
            assert!(text.contains(place) && (text.contains("make the folder") || text.contains("choose")), "{text}");
        }
    }
    // A folder where a file should be, and the other way round.
    fs::create_dir(folder.path().join("a.mp4")).unwrap();
    let refused = write_clip(&clip_for("a.mp4"), &folder.path().join("a.mp4"));
    assert!(refused.unwrap_err().to_string().contains("that is a folder"));
    let refused = write_clip(&clip_for("frames"), &folder.path().join("file"));
    assert!(refused.unwrap_err().to_string().contains("in the way"));
}

#[test]
fn a_folder_with_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    let refused = write_clip(&clip_for("frames"), folder.path());
    assert!(matches!(&refused, Err(VideoError::FolderInUse { found, .. }) if found == "thesis.txt"), "{refused:?}");
    assert_eq!(names_in(folder.path()), ["thesis.txt"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_explained_and_devices_survive() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.mp4", "a.gif", "a.png", "a.jpg"] {
        let path = folder.path().join(name);
        std::os::unix::fs::symlink("/dev/full", &path).unwrap();
        let error = write_clip(&clip_for(name), &path).unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(!fs::metadata("/dev/full").unwrap().is_file());
}

#[test]
#[cfg(unix)]
fn files_have_the_usual_permissions_and_links_stay() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("plain"), "x").unwrap();
    let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
    write_clip(&clip_for("a.mp4"), &folder.path().join("a.mp4")).unwrap();
    assert_eq!(mode("a.mp4"), mode("plain"));

    std::os::unix::fs::symlink(folder.path().join("a.mp4"), folder.path().join("link.mp4")).unwrap();
    write_clip(&ball(24, 16, 9, (24, 1)), &folder.path().join("link.mp4")).unwrap();
    assert!(folder.path().join("link.mp4").is_symlink());
    assert_eq!(video::probe(&folder.path().join("a.mp4")).unwrap().frame_count, Some(9));
}

#[test]
fn any_stream_takes_mp4() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let clip = clip_for("a.mp4");
    let refused = write_mp4(&clip, &mut Closed);
    assert!(matches!(refused, Err(VideoError::Write { .. })), "{refused:?}");

    let mut bytes = Vec::new();
    write_mp4(&clip, &mut bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), bytes).unwrap();
    let back = video::read_clip(&folder.path().join("a"), &video::ReadLimits::default()).unwrap();
    assert!(psnr(&clip, &back) > 30.0);
}
