//! Stories, as somebody would tell them with the program.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::{fs, path::Path};

use support::Place;
use video::{Clip, Frame, ReadLimits, Resolution, read_clip, write_clip};

fn clip(place: &Place, name: &str, size: &str, num_frames: usize) {
    let size: Resolution = size.parse().unwrap();
    let frames = (0..num_frames).map(|frame| Frame::filled(size, [10 * frame as u8, 90, 30])).collect();
    write_clip(&Clip::new(frames, "16".parse().unwrap()).unwrap(), &place.path(name)).unwrap();
}

fn tell<'a>(story: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let all = ["storyboard", story, "--model", "model", "--steps", "2", "--size", "48x32"];
    [&all[..], more].concat()
}

#[test]
fn the_story_of_the_guide_is_told() {
    let place = Place::new();
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guides/story.toml");
    let made = place.run(&tell(guide.to_str().unwrap(), &["-o", "a.mp4", "--json"])).json();
    let frames = made["frames"].as_u64().unwrap() as usize;
    assert_eq!(read_clip(&place.path("a.mp4"), &ReadLimits::default()).unwrap().frames().len(), frames);
    assert!(made["settings"]["prompt"].as_array().unwrap().len() > 2, "{made}");
    place.run(&tell(guide.to_str().unwrap(), &["-o", "b.mp4"])).fine();
    assert!(place.clip("a.mp4") == place.clip("b.mp4"));
}

#[test]
fn pictures_and_clips_lie_beside_the_story_and_are_fitted_by_choice() {
    let place = Place::new();
    fs::create_dir(place.path("stories")).unwrap();
    clip(&place, "stories/ball.mp4", "64x64", 12);
    clip(&place, "stories/cube.png", "48x32", 1);
    let story = "fps = 16\n[[card]]\nfrom = 0\nto = 0.5\nclip = \"ball.mp4\"\n\
                 [[card]]\nfrom = 0.5\nto = 1\nprompt = \"a blue cube\"\nimage = \"cube.png\"";
    fs::write(place.path("stories/a.toml"), story).unwrap();
    place.run(&tell("stories/a.toml", &["-o", "a.gif"])).refused("card 1: ");
    let made = place.run(&tell("stories/a.toml", &["-o", "a.gif", "--fit", "crop", "--json"])).json();
    assert_eq!(made["frames"], 16);
    // Without --output it is called after the story.
    place.run(&tell("stories/a.toml", &["--fit", "pad"])).fine();
    assert_eq!(place.files(), ["a.gif", "a.mp4", "stories"]);
}

#[test]
fn stories_that_cannot_be_told_are_refused_with_the_card() {
    let place = Place::new();
    clip(&place, "short.gif", "48x32", 3);
    let first = "[[card]]\nname = \"one\"\nfrom = 0\nto = 1\nprompt = \"p\"\n[[card]]\nfrom = ";
    for (story, expected) in [
        (format!("{first}0.5\nto = 2\nprompt = \"p\""), "card 2: it overlaps with card 1 (\"one\")"),
        (format!("{first}1.5\nto = 2\nprompt = \"p\""), "card 2: it leaves a gap behind card 1 (\"one\")"),
        (format!("{first}1\nto = 2\nclip = \"nowhere.mp4\""), "card 2: cannot read nowhere.mp4"),
        (format!("{first}1\nto = 2\nprompt = \"{{ball}}\""), "card 2: names the thing \"ball\""),
        ("fps = 16\n[[card]]\nfrom = 0\nto = 1\nclip = \"short.gif\"".into(), "card 1: short.gif"),
        ("[[card]]\nfrom = 0\nto = 1\ncolour = 1".into(), "line 4: unknown field `colour`"),
        ("card = []".into(), "the story has no card"),
        ("no story".into(), "a.toml: line 1"),
    ] {
        fs::write(place.path("a.toml"), story).unwrap();
        place.run(&tell("a.toml", &["-o", "a.mp4"])).refused(expected);
        assert!(!place.path("a.mp4").exists());
    }
    place.run(&tell("none.toml", &[])).refused("cannot read the story none.toml");
    fs::write(place.path("a.toml"), [0xff, 0xfe]).unwrap();
    place.run(&tell("a.toml", &[])).refused("cannot read the story a.toml");
}
