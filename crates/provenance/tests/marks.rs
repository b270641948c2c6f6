//! A film is marked as a whole, and all its marks are found again.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use provenance::{FoundCredentials, Identity, Language, Marker, Origin, Standing, Verdict, VisibleLabel, detect};
use video::{Clip, Frame, FrameRate, Resolution, write_clip, write_clip_with};

fn origin() -> Origin {
    Origin { model: "nano".into(), recipe: "a red ball, seed 7".into(), language: Language::English }
}

/// A square that moves over a ramp with some grain.
fn film(side: u32) -> Clip {
    let resolution = Resolution::new(side, side).unwrap();
    let mut frames = vec![Frame::filled(resolution, [0; 3]); 9];
    for (number, frame) in frames.iter_mut().enumerate() {
        for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
            let (x, y) = (index % side as usize, index / side as usize);
            let inside = (20..40).contains(&y) && (10 + number..30 + number).contains(&x);
            let grain = (index * 7919 % 13) as u8;
            let ground = [(x + 60) as u8, (y + 60) as u8, 90].map(|value| value / 2 + 40 + grain);
            pixel.copy_from_slice(&if inside { [190, 40 + grain, 30] } else { ground });
        }
    }
    Clip::new(frames, FrameRate::new(16, 1).unwrap()).unwrap()
}

fn marked(clip: &Clip, path: &Path, data: &Path, inputs: &[PathBuf]) -> Vec<Frame> {
    let mut marker = Marker::new(origin(), (clip.resolution(), clip.frame_rate()), VisibleLabel::Left);
    let mut frames = clip.frames().to_vec();
    frames.iter_mut().for_each(|frame| marker.mark(frame));
    let extras = marker.extras(&Identity::open(data).unwrap(), inputs);
    write_clip_with(&Clip::new(frames.clone(), clip.frame_rate()).unwrap(), path, extras).unwrap();
    frames
}

#[test]
fn all_marks_are_found_and_one_changed_byte_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (data, clip) = (folder.path().join("data"), film(128));
    for name in ["a.mp4", "a.gif"] {
        let path = folder.path().join(name);
        marked(&clip, &path, &data, &[]);
        let found = detect(&path, Some(&data)).unwrap();
        assert_eq!(found.credentials.standing, Standing::Trusted, "{name}: {found:?}");
        assert_eq!(found.credentials.generator.as_deref(), Some("misora"));
        assert_eq!(found.aigc, Some(origin().aigc()));
        assert_eq!((found.verdict, found.watermark.unwrap().payload), (Verdict::Misora, origin().payload()), "{name}");
        // To another machine the signer is a stranger.
        assert_eq!(detect(&path, None).unwrap().credentials.standing, Standing::Valid);
        let whole = fs::read(&path).unwrap();
        // Of the pictures, and of what is said about them; what the statement keeps free for itself says nothing.
        let said = b"trainedAlgorithmic";
        let said = whole.windows(said.len()).position(|bytes| bytes == said).unwrap();
        for place in [whole.len() - 1500, whole.len() - 30, said] {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            fs::write(&path, bytes).unwrap();
            // Whether or not the pictures can still be decoded.
            let found = FoundCredentials::read(&path, Some(&data));
            assert_eq!(found.standing, Standing::Broken, "{name}: byte {place}: {found:?}");
        }
    }
}

#[test]
fn an_edit_carries_what_it_was_made_of() {
    let folder = tempfile::tempdir().unwrap();
    let (data, clip) = (folder.path().join("data"), film(64));
    let [first, second] = ["a.mp4", "b.mp4"].map(|name| folder.path().join(name));
    marked(&clip, &first, &data, &[]);
    marked(&clip, &second, &data, std::slice::from_ref(&first));
    let found = detect(&second, Some(&data)).unwrap().credentials;
    assert_eq!((found.standing, found.inputs), (Standing::Trusted, vec!["a.mp4".to_owned()]), "{:?}", found.problems);
    assert!(found.source_types.iter().any(|source| source.ends_with("compositeWithTrainedAlgorithmicMedia")));
}

#[test]
fn what_bears_no_mark_is_not_accused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.mp4");
    write_clip(&film(128), &path).unwrap();
    let found = detect(&path, None).unwrap();
    assert_eq!((found.verdict, found.credentials.standing), (Verdict::NoMark, Standing::Absent), "{found:?}");
    assert_eq!((found.watermark, found.aigc), (None, None));
}

#[test]
fn the_watermark_is_not_seen() {
    let folder = tempfile::tempdir().unwrap();
    let clip = film(128);
    let frames = marked(&clip, &folder.path().join("a.mp4"), folder.path(), &[]);
    let pairs = clip.frames().iter().zip(&frames).flat_map(|(a, b)| a.rgb().iter().zip(b.rgb()));
    let (sum, count) =
        pairs.fold((0.0, 0.0), |(sum, count), (&a, &b)| (sum + (f64::from(a) - f64::from(b)).powi(2), count + 1.0));
    let psnr = 10.0 * (255.0_f64.powi(2) * count / sum).log10();
    assert!(psnr >= 42.0, "{psnr:.2} dB");
}
