//! Videos made out of pictures and clips, as somebody would with the program.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use std::path::Path;

use support::Place;
use video::{Clip, Frame, ReadLimits, Resolution, read_clip, write_clip};

/// A clip of a moving square, as PNG files in a folder, so that nothing is lost.
fn clip(place: &Place, name: &str, size: &str, num_frames: usize) -> Clip {
    let size: Resolution = size.parse().unwrap();
    let frame = |number: usize| {
        let mut frame = Frame::filled(size, [30, 120, 60]);
        let width = size.width() as usize;
        for (index, pixel) in frame.rgb_mut().chunks_exact_mut(3).enumerate() {
            let (row, column) = (index / width, index % width);
            if (8..20).contains(&row) && (number..number + 12).contains(&column) {
                pixel.copy_from_slice(&[200, 30, number as u8]);
            }
        }
        frame
    };
    let clip = Clip::new((0..num_frames).map(frame).collect(), "16".parse().unwrap()).unwrap();
    write_clip(&clip, &place.path(name)).unwrap();
    read(&place.path(name))
}

fn read(path: &Path) -> Clip {
    read_clip(path, &ReadLimits::default()).unwrap()
}

/// A command on the tiny model with few steps.
fn edit<'a>(command: &'a str, input: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec![command, input, "a red ball rolls", "--model", "model", "--steps", "2"];
    // The label would hide a part of what has to stay as it is; frames this small get no watermark.
    all.push("--no-visible-label");
    all.extend(arguments);
    all
}

#[test]
fn a_picture_comes_to_life() {
    let place = Place::new();
    clip(&place, "clip", "96x64", 1);
    let picture = "clip/frame_0001.png";
    let made =
        place.run(&edit("animate", picture, &["--size", "48x32", "--frames", "9", "-o", "out", "--json"])).json();
    assert_eq!((&made["size"], &made["frames"]), (&"48x32".into(), &9.into()));
    assert_eq!(read(&place.path("out")).frames().len(), 9);
    place.run(&edit("animate", picture, &["--size", "48x32", "--frames", "9", "--at", "8", "-o", "late.gif"])).fine();
    // Another shape wants a choice.
    let square = ["--size", "48x48", "--frames", "5", "-o", "square.gif"];
    place.run(&edit("animate", picture, &square)).refused("choose crop, pad or stretch");
    assert!(!place.path("square.gif").exists());
    for fit in ["crop", "pad", "stretch"] {
        place.run(&edit("animate", picture, &[&square[..], &["--fit", fit]].concat())).fine();
    }
    place.run(&edit("animate", picture, &["--at", "3"])).refused("frame 0 or a multiple of 4, such as 0 or 4, not 3");
    let outside = ["--size", "48x32", "--frames", "5", "--at", "8"];
    place.run(&edit("animate", picture, &outside)).refused("frame 5 lies outside of the video, which has 5 frames");
    place.run(&edit("animate", "nowhere.png", &[])).refused("nowhere.png");
    place.run(&edit("animate", "model/model.json", &[])).refused("model.json");
}

#[test]
fn a_clip_goes_on_and_its_own_frames_stay_as_they_are() {
    let place = Place::new();
    let given = clip(&place, "clip", "48x32", 10);
    let rate = given.frame_rate().as_f64();
    let new = (0.25 * rate).round() as usize;
    for (arguments, [before, behind]) in [
        (&["--forward", "0.25"][..], [0, new]),
        (&["--backward", "0.25"], [new, 0]),
        (&["--backward", "0.25", "--forward", "0.25", "--fps", "12"], [new, new]),
    ] {
        let arguments = [arguments, &["-o", "out"]].concat();
        place.run(&edit("extend", "clip", &arguments)).fine();
        let out = read(&place.path("out"));
        assert_eq!(out.frames().len(), before + 10 + behind, "{arguments:?}");
        assert_eq!(out.frames()[before..before + 10], given.frames()[..], "{arguments:?}");
        std::fs::remove_dir_all(place.path("out")).unwrap();
    }
    // At half the size for the model, and at its own size for everybody else.
    clip(&place, "large", "96x64", 5);
    place.run(&edit("extend", "large", &["--size", "48x32", "--forward", "0.5", "-o", "out"])).fine();
    assert_eq!(read(&place.path("out")).resolution().to_string(), "96x64");
    place.run(&edit("extend", "clip", &["--forward", "-1"])).refused("goes on forward for 0 to 64 seconds, not -1");
    place.run(&edit("extend", "clip", &["--forward", "0.001"])).refused("there is nothing to add");
    clip(&place, "odd", "50x32", 5);
    place.run(&edit("extend", "odd", &[])).refused("the nearest that work are 48x32 and 64x32");
}

#[test]
fn a_remix_has_the_length_of_the_clip() {
    let place = Place::new();
    clip(&place, "clip", "48x32", 7);
    place.run(&edit("remix", "clip", &["--strength", "0.5", "-o", "out"])).fine();
    assert_eq!(read(&place.path("out")).frames().len(), 7);
    for strength in ["0", "1.5", "-1", "NaN"] {
        place.run(&edit("remix", "clip", &["--strength", strength])).refused("the strength lies above 0");
    }
}

#[test]
fn all_but_the_region_stays_as_it_is() {
    let place = Place::new();
    let given = clip(&place, "clip", "48x32", 9);
    let in_box = ["--box", "16,8,16,16", "--from", "0.1", "--to", "0.3", "-o", "out"];
    place.run(&edit("inpaint", "clip", &in_box)).fine();
    let out = read(&place.path("out"));
    let rate = given.frame_rate().as_f64();
    let mut changed = 0;
    for (number, (made, given)) in out.frames().iter().zip(given.frames()).enumerate() {
        let in_time = (0.1..=0.3).contains(&(number as f64 / rate));
        for (index, (made, given)) in made.rgb().chunks_exact(3).zip(given.rgb().chunks_exact(3)).enumerate() {
            let inside = in_time && (16..32).contains(&(index % 48)) && (8..24).contains(&(index / 48));
            assert!(inside || made == given, "frame {number}, pixel {index}");
            changed += usize::from(made != given);
        }
    }
    assert!(changed > 0);
    // The same as a picture.
    let mut mask = Frame::filled("48x32".parse().unwrap(), [0; 3]);
    for (index, pixel) in mask.rgb_mut().chunks_exact_mut(3).enumerate() {
        if (16..32).contains(&(index % 48)) && (8..24).contains(&(index / 48)) {
            pixel.fill(255);
        }
    }
    write_clip(&Clip::new(vec![mask], given.frame_rate()).unwrap(), &place.path("mask.png")).unwrap();
    let by_mask = ["--mask", "mask.png", "--from", "0.1", "--to", "0.3", "-o", "again"];
    place.run(&edit("inpaint", "clip", &by_mask)).fine();
    assert_eq!(read(&place.path("again")).frames(), out.frames());
    clip(&place, "other", "32x32", 1);
    for (arguments, expected) in [
        (&["--box", "40,8,16,16"][..], "does not lie inside of the clip, which is 48x32"),
        (&["--box", "4,8,0,16"], "does not lie inside"),
        (&["--mask", "other"], "they must be of one size"),
        (&["--from", "2", "--to", "3"], "no frame lies between those seconds"),
    ] {
        place.run(&edit("inpaint", "clip", arguments)).refused(expected);
    }
    place.run(&edit("inpaint", "clip", &["--box", "1,2,3"])).wrong_usage("X,Y,WIDTH,HEIGHT");
}

#[test]
fn a_clip_plays_round_and_two_clips_are_joined() {
    let place = Place::new();
    let (first, second) = (clip(&place, "clip", "48x32", 10), clip(&place, "other", "48x32", 6));
    place.run(&edit("loop", "clip", &["--over", "0.3", "-o", "round"])).fine();
    let round = read(&place.path("round"));
    // The passage fills whole latent frames.
    assert_eq!(round.frames().len(), 10 + 8);
    assert_eq!(round.frames()[..10], first.frames()[..]);
    let blend =
        ["blend", "clip", "other", "a ball turns into a cube", "--model", "model", "--steps", "2", "--over", "0.3"];
    place.run(&[&blend[..], &["--no-visible-label", "-o", "joined"]].concat()).fine();
    let joined = read(&place.path("joined"));
    assert_eq!(joined.frames().len(), 10 + 8 + 6);
    assert_eq!((&joined.frames()[..10], &joined.frames()[18..]), (first.frames(), second.frames()));
    // Two frames of either clip are seen before and after the mix.
    place.run(&[&blend[..], &["--mix", "-o", "mixed"]].concat()).refused("at most 0.17 seconds");
    let mix = [
        "blend",
        "clip",
        "other",
        "a ball turns into a cube",
        "--model",
        "model",
        "--steps",
        "2",
        "--mix",
        "--no-visible-label",
    ];
    place.run(&[&mix[..], &["--over", "0.15", "-o", "mixed"]].concat()).fine();
    let mixed = read(&place.path("mixed"));
    assert_eq!(mixed.frames().len(), 10 + 6 - 4);
    assert_eq!((&mixed.frames()[..6], &mixed.frames()[10..]), (&first.frames()[..6], &second.frames()[4..]));
    place.run(&[&mix[..], &["--over", "0.15", "--strength", "0"]].concat()).refused("above 0 and is at most 1");
    place.run(&[&blend[..], &["--strength", "0.5"]].concat()).wrong_usage("--mix");
    clip(&place, "square", "32x32", 6);
    let unlike = ["blend", "clip", "square", "a ball", "--model", "model"];
    place.run(&unlike).refused("choose crop, pad or stretch");
    for over in ["0", "-1", "65", "NaN"] {
        place.run(&edit("loop", "clip", &["--over", over])).refused("a passage takes above 0");
    }
}

#[test]
fn a_part_of_a_clip_is_kept() {
    let place = Place::new();
    let given = clip(&place, "clip", "48x32", 12);
    let seconds = |frame: usize| (frame as f64 / given.frame_rate().as_f64()).to_string();
    let (from, to) = (seconds(3), seconds(7));
    place.run(&["recut", "clip", "--from", &from, "--to", &to, "-o", "part"]).fine();
    assert_eq!(read(&place.path("part")).frames(), &given.frames()[3..=7]);
    place.run(&["recut", "clip", "--from", "9", "-o", "nothing.mp4"]).refused("lies between --from and --to: it lasts");
    assert!(!place.path("nothing.mp4").exists());
}
