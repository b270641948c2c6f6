//! Captions say what the film shows and nothing else, in many ways.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::collections::HashSet;

use worlds::{
    CameraMove, Colour, Daytime, Distribution, Look, Material, Motion, Place, Plan, Shape, Split, Weather, World,
    words::Words,
};

fn worlds(count: u64) -> impl Iterator<Item = World> {
    let distribution = Distribution { split: Split::Any, ..Distribution::full() };
    (0..count).map(move |seed| World::sample(&distribution, seed))
}

/// Whether an English text has one of these phrases, as whole words.
fn says(text: &str, words: &[&str]) -> bool {
    let text = format!(" {} ", text.to_lowercase().replace(['.', ',', ';', ':'], " ").replace("  ", " "));
    words.iter().any(|word| text.contains(&format!(" {word} ")))
}

fn says_zh(text: &str, words: &[&str]) -> bool {
    words.iter().any(|word| text.contains(word))
}

#[test]
fn every_caption_names_the_main_object() {
    for world in worlds(400) {
        let (captions, main) = (world.captions(), &world.plan().props[0]);
        for text in [&captions.short_en, &captions.detailed_en] {
            assert!(says(text, main.colour.words().en) && says(text, main.shape.words().en), "{text}");
            assert!(text.len() < 600, "{text}");
        }
        for text in [&captions.short_zh, &captions.detailed_zh] {
            assert!(says_zh(text, main.colour.words().zh) && says_zh(text, main.shape.words().zh), "{text}");
        }
    }
}

#[test]
fn no_caption_names_what_is_not_there() {
    for world in worlds(400) {
        let (plan, captions) = (world.plan(), world.captions());
        let colours: Vec<_> = plan.props.iter().map(|prop| prop.colour).collect();
        let shapes: Vec<_> = plan.props.iter().map(|prop| prop.shape).collect();
        for text in [&captions.short_en, &captions.detailed_en] {
            let absent = |words: Words| assert!(!says(text, words.en), "{text} | {plan:?}");
            Colour::ALL.iter().filter(|colour| !colours.contains(colour)).for_each(|colour| absent(colour.words()));
            Shape::ALL.iter().filter(|shape| !shapes.contains(shape)).for_each(|shape| absent(shape.words()));
            absent_choices(plan, absent);
        }
        for text in [&captions.short_zh, &captions.detailed_zh] {
            let absent = |words: Words| assert!(!says_zh(text, words.zh), "{text} | {plan:?}");
            Colour::ALL.iter().filter(|colour| !colours.contains(colour)).for_each(|colour| absent(colour.words()));
            absent_choices(plan, absent);
        }
    }
}

fn absent_choices(plan: &Plan, absent: impl Fn(Words)) {
    Daytime::ALL.iter().filter(|value| **value != plan.daytime).for_each(|value| absent(value.words()));
    Weather::ALL.iter().filter(|value| **value != plan.weather).for_each(|value| absent(value.words()));
    Look::ALL.iter().filter(|value| **value != plan.look).for_each(|value| absent(value.words()));
    CameraMove::ALL.iter().filter(|value| **value != plan.camera).for_each(|value| absent(value.words()));
    Place::ALL.iter().filter(|value| **value != plan.place).for_each(|value| absent(value.words()));
}

#[test]
fn no_caption_names_another_motion() {
    for world in worlds(400) {
        let (motion, captions) = (world.plan().motion, world.captions());
        for other in Motion::ALL.iter().filter(|other| **other != motion) {
            // "rolls behind" is a way to roll.
            if (*other, motion) == (Motion::Roll, Motion::RollBehind) {
                continue;
            }
            assert!(!says(&captions.short_en, other.words().en), "{} is not {other}", captions.short_en);
            assert!(!says(&captions.detailed_en, other.words().en), "{} is not {other}", captions.detailed_en);
        }
    }
}

#[test]
fn detailed_captions_name_everything() {
    for world in worlds(300) {
        let (plan, captions) = (world.plan(), world.captions());
        let (en, zh) = (&captions.detailed_en, &captions.detailed_zh);
        for prop in &plan.props {
            for words in [prop.colour.words(), prop.shape.words(), prop.material.words()] {
                assert!(says(en, words.en) && says_zh(zh, words.zh), "{en} {zh} {prop:?}");
            }
        }
        for words in [plan.daytime.words(), plan.look.words(), plan.camera.words()] {
            assert!(says(en, words.en) && says_zh(zh, words.zh), "{en} {zh}");
        }
        if plan.weather != Weather::Clear {
            assert!(says(en, plan.weather.words().en) && says_zh(zh, plan.weather.words().zh), "{en} {zh}");
        }
    }
}

#[test]
fn captions_vary() {
    let short: HashSet<_> = worlds(400).map(|world| world.captions().short_en).collect();
    let chinese: HashSet<_> = worlds(400).map(|world| world.captions().short_zh).collect();
    assert!(short.len() > 390 && chinese.len() > 380, "{} {}", short.len(), chinese.len());
    let materials: HashSet<_> = Material::ALL.iter().flat_map(|material| material.words().en).collect();
    assert!(materials.len() >= Material::ALL.len());
}
