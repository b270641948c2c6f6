//! Whatever the program makes is marked, and the marks are found again.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod support;

use support::Place;

const LARGE: [&str; 4] = ["--size", "64x64", "--frames", "5"];

#[test]
fn every_kind_of_file_is_marked_and_found() {
    let place = Place::new();
    for output in ["a.mp4", "a.gif", "frames"] {
        place.generate("a red ball", &[&LARGE[..], &["-o", output]].concat()).fine();
        let found = place.run(&["detect", output, "--json"]).json();
        assert_eq!((&found["verdict"], &found["aigc"]["Label"]), (&"misora".into(), &"1".into()), "{output}: {found}");
        if output != "frames" {
            assert_eq!(found["credentials"]["standing"], "trusted", "{output}: {found}");
            let source = found["credentials"]["source_types"][0].as_str().unwrap();
            assert!(source.ends_with("/trainedAlgorithmicMedia"), "{source}");
        }
        if output != "a.gif" {
            assert_eq!(found["watermark"]["payload"]["version"], 1, "{output}: {found}");
        }
    }
    for output in ["a.png", "a.jpg"] {
        place.generate("a red ball", &["-o", output, "--size", "64x64"]).fine();
        let found = place.run(&["detect", output, "--json"]).json();
        assert_eq!((&found["verdict"], &found["credentials"]["standing"]), (&"misora".into(), &"trusted".into()));
    }
    assert!(place.run(&["detect", "a.mp4"]).fine().starts_with("a.mp4: made by misora"));
}

#[test]
fn one_changed_byte_is_noticed() {
    let place = Place::new();
    place.generate("a red ball", &[&LARGE[..], &["-o", "a.mp4"]].concat()).fine();
    let whole = place.read("a.mp4");
    let behind = |mark: &str| {
        let bytes = mark.as_bytes();
        whole.windows(bytes.len()).rposition(|window| window == bytes).unwrap() + bytes.len()
    };
    let look = |changed: usize| {
        let mut bytes = whole.clone();
        bytes[changed] ^= 1;
        std::fs::write(place.path("b.mp4"), bytes).unwrap();
        place.run(&["detect", "b.mp4", "--json"])
    };
    // The signed statement of where it comes from; the time in the index; the label in the metadata.
    let places = [("trainedAlgorithmic", 0), ("mvhd", 4), ("ContentProducer\":\"", 0)];
    let mut looks: Vec<_> = places.map(|(mark, further)| (mark, look(behind(mark) + further))).into();
    // The coded pictures: the last byte with which they can still be decoded.
    let media = behind("mdat");
    let length = u32::from_be_bytes(*whole[media - 8..].first_chunk().unwrap()) as usize;
    let end = media - 8 + length;
    let decodable = (end - 40..end).rev().map(look).find(|ran| ran.code == Some(0));
    looks.push(("mdat", decodable.unwrap()));
    for (mark, ran) in looks {
        let found = ran.json();
        assert_eq!(found["credentials"]["standing"], "broken", "{mark}: {found}");
        assert!(!found["credentials"]["problems"].as_array().unwrap().is_empty(), "{mark}");
    }
}

#[test]
fn an_edit_names_what_it_was_made_of() {
    let place = Place::new();
    place.generate("a red ball", &[&LARGE[..], &["-o", "a.mp4"]].concat()).fine();
    let remix = ["remix", "a.mp4", "a blue ball", "--model", "model", "--steps", "2", "-o", "b.mp4"];
    place.run(&remix).fine();
    let found = place.run(&["detect", "b.mp4", "--json"]).json();
    assert_eq!(
        (&found["credentials"]["standing"], &found["credentials"]["inputs"][0]),
        (&"trusted".into(), &"a.mp4".into())
    );
}

#[test]
fn windows_and_stories_are_marked_as_a_whole() {
    let place = Place::new();
    place.generate("a red ball", &["--size", "64x64", "--frames", "49", "--window", "1", "-o", "a.mp4"]).fine();
    let story = "[[card]]\nfrom = 0\nto = 0.5\nprompt = \"a red ball\"\n\
                 [[card]]\nfrom = 0.5\nto = 1\nclip = \"a.mp4\"";
    std::fs::write(place.path("b.toml"), story).unwrap();
    place.run(&["storyboard", "b.toml", "--model", "model", "--steps", "2", "--size", "64x64", "-o", "b.mp4"]).fine();
    for (file, inputs) in [("a.mp4", vec![]), ("b.mp4", vec!["a.mp4"])] {
        let found = place.run(&["detect", file, "--json"]).json();
        let credentials = &found["credentials"];
        assert_eq!((&found["verdict"], &credentials["standing"]), (&"misora".into(), &"trusted".into()), "{found}");
        assert_eq!(found["credentials"]["inputs"], serde_json::json!(inputs), "{file}: {found}");
        assert_eq!((&found["aigc"]["Label"], &found["watermark"]["payload"]["version"]), (&"1".into(), &1.into()));
    }
}

#[test]
fn what_was_not_generated_bears_no_mark() {
    let place = Place::new();
    place.run(&["worlds", "render", "--size", "64x64", "--output", "world.mp4"]).fine();
    let found = place.run(&["detect", "world.mp4", "--json"]).json();
    assert_eq!((&found["verdict"], &found["credentials"]["standing"]), (&"no_mark".into(), &"absent".into()));
    place.run(&["detect", "model/model.json"]).refused("model.json");
    place.run(&["detect", "nowhere.mp4"]).refused("nowhere.mp4");
}

#[test]
fn without_a_place_for_the_key_nothing_is_made() {
    let place = Place::new();
    std::fs::write(place.path("identity"), "a file").unwrap();
    place.generate("a red ball", &["-o", "a.mp4"]).refused("MISORA_DATA_DIR");
    assert!(!place.path("a.mp4").exists());
}
