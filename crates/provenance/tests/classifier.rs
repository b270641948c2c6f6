//! Programs that judge pictures: one that works, and all the ways in which one can fail.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use provenance::{
    ProvenanceError,
    moderation::{ImageClassifier, Moderator, Policy, Scores},
};
use video::{Clip, Frame, FrameRate, ReadLimits, Resolution, still::encode_png, write_clip};

fn policy(keys: &str) -> Arc<Policy> {
    let category = "[[category]]\nid = \"gore\"\nexplanation = \"too cruel\"\nimage_threshold = 0.5\n";
    Arc::new(Policy::parse(&format!("name = \"test\"\n{keys}\n{category}")).unwrap())
}

/// A policy whose classifier is a script of the shell.
fn script(script: &str) -> Moderator {
    let command = serde_json::to_string(&["sh", "-c", script]).unwrap();
    Moderator::new(policy(&format!("image_command = {command}\nimage_timeout_secs = 1.5\nimage_frames = 3")))
}

fn frame(colour: u8) -> Frame {
    Frame::filled(Resolution::new(16, 16).unwrap(), [colour, 0, 0])
}

fn clip(folder: &Path, frames: u8) -> std::path::PathBuf {
    let frames: Vec<Frame> = (0..frames).map(frame).collect();
    let path = folder.join(if frames.len() == 1 { "picture.png" } else { "clip.gif" });
    write_clip(&Clip::new(frames, FrameRate::new(10, 1).unwrap()).unwrap(), &path).unwrap();
    path
}

fn judged(moderator: &Moderator) -> Result<(), ProvenanceError> {
    let folder = tempfile::tempdir().unwrap();
    moderator.check_file(&clip(folder.path(), 5), &ReadLimits::default())
}

#[test]
fn scores_decide() {
    judged(&script("cat > /dev/null; echo '{\"gore\": 0.49, \"other\": 1}'")).unwrap();
    let refused = judged(&script("cat > /dev/null; echo '{\"gore\": 0.5}'")).unwrap_err();
    let ProvenanceError::Refused(refusal) = refused else { panic!("{refused}") };
    assert_eq!((refusal.category.as_str(), refusal.rule.as_str()), ("gore", "image"));
    // A program that does not read the picture may still know.
    judged(&script("echo '{\"gore\": 0}'")).unwrap();
}

#[test]
fn the_program_gets_a_png() {
    let folder = tempfile::tempdir().unwrap();
    let seen = folder.path().join("seen.png");
    let moderator = script(&format!("cat > '{}'; echo '{{\"gore\": 0}}'", seen.display()));
    moderator.check_file(&clip(folder.path(), 1), &ReadLimits::default()).unwrap();
    assert_eq!(std::fs::read(seen).unwrap(), encode_png(&frame(0)).unwrap());
}

#[test]
fn what_fails_lets_nothing_pass() {
    for (program, problem) in [
        ("cat > /dev/null; echo rubbish", "wrote no object of scores"),
        ("cat > /dev/null", "wrote no object of scores"),
        ("cat > /dev/null; echo '[0.5]'", "wrote no object of scores"),
        ("cat > /dev/null; echo '{\"gore\": 7}'", "outside of 0 to 1"),
        ("cat > /dev/null; echo '{\"gore\": null}'", "wrote no object of scores"),
        ("cat > /dev/null; echo '{\"sexual\": 0}'", "gave no score for gore"),
        ("echo '{\"gore\": 0}'; echo 'no model' >&2; exit 3", "exit status: 3"),
        ("echo 'no model' >&2; exit 1", "no model"),
        ("kill -9 $$", "signal: 9"),
        ("cat /dev/zero", "wrote more than"),
        ("exec sleep 60", "gave no scores within 1.5 s"),
        ("sleep 60; echo '{\"gore\": 0}'", "gave no scores within 1.5 s"),
        ("echo '{\"gore\": 0}'; exec >&-; exec sleep 60", "gave no scores within 1.5 s"),
    ] {
        let begun = Instant::now();
        let error = judged(&script(program)).unwrap_err();
        assert!(matches!(error, ProvenanceError::Classifier { .. }), "{program}: {error}");
        let message = error.to_string();
        assert!(message.contains(problem) && message.lines().count() == 1, "{program}: {message}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{program}: {:?}", begun.elapsed());
    }
    let missing = Moderator::new(policy("image_command = [\"no-such-classifier\"]"));
    let message = judged(&missing).unwrap_err().to_string();
    assert!(message.contains("no-such-classifier is not there"), "{message}");
}

#[test]
fn what_a_program_starts_ends_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let moderator = script(&format!("sleep 60 & echo $! > '{}'; wait", pid.display()));
    judged(&moderator).unwrap_err();
    let pid = std::fs::read_to_string(pid).unwrap();
    let stat = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    let begun = Instant::now();
    while cfg!(target_os = "linux") && !stat().is_empty() && !stat().contains(") Z ") {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", stat());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Remembers what it saw.
struct Counting(AtomicUsize);

impl ImageClassifier for Counting {
    fn classify(&self, _frame: &Frame) -> Result<Scores, ProvenanceError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Scores::from([("gore".to_owned(), 0.0)]))
    }
}

#[test]
fn some_frames_are_looked_at_and_finished_ones_where_the_policy_says_so() {
    let counting = Arc::new(Counting(AtomicUsize::new(0)));
    let seen = || counting.0.swap(0, Ordering::SeqCst);
    let moderator = Moderator::new(policy("image_frames = 3")).with_classifier(counting.clone());
    judged(&moderator).unwrap();
    assert_eq!(seen(), 3);
    let finished = |moderator: &Moderator| {
        (0..9).for_each(|number| moderator.check_finished(&frame(0), (number, 9)).unwrap());
    };
    finished(&moderator);
    assert_eq!(seen(), 0);
    let rules = "image_command = [\"true\"]\nimage_frames = 3\nimage_finished = true";
    finished(&Moderator::new(policy(rules)).with_classifier(counting.clone()));
    assert_eq!(seen(), 3);
    // Without a classifier no file is even opened.
    Moderator::new(policy("")).check_file(Path::new("nowhere"), &ReadLimits::default()).unwrap();
}
