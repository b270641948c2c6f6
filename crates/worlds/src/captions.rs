//! A world in words: short and detailed, in English and in Chinese.
//!
//! Wording varies with the seed, so that a model learns meanings rather than one template. A caption may leave
//! things out, but never says what the film does not show.

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    captions_zh,
    plan::{CameraMove, Motion, Plan},
    stage::{Look, Place, Prop, Weather},
};

/// One world, said in four ways.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Captions {
    /// English: the main object and what it does, and some of the rest.
    pub short_en: String,
    /// English: everything.
    pub detailed_en: String,
    /// Chinese: the main object and what it does, and some of the rest.
    pub short_zh: String,
    /// Chinese: everything.
    pub detailed_zh: String,
}

impl Captions {
    /// Says what a plan shows; `heading` is 1 for a motion to the right and -1 for one to the left.
    pub(crate) fn of(plan: &Plan, heading: f32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(plan.seed);
        rng.set_stream(2);
        Self {
            short_en: short(plan, &mut rng),
            detailed_en: detailed(plan, heading, &mut rng),
            short_zh: captions_zh::short(plan, &mut rng),
            detailed_zh: captions_zh::detailed(plan, heading, &mut rng),
        }
    }
}

/// A prompt that names colour, shape, motion, place and camera in the plainest words.
pub(crate) fn prompt(plan: &Plan) -> String {
    let subject =
        with_article(&format!("{} {}", plan.props[0].colour.words().en[0], plan.props[0].shape.words().en[0]));
    let partner = plan.props.get(1).map(|prop| with_article(&plain(prop))).unwrap_or_default();
    let action = action(plan, &partner, "", true, &mut First);
    let daytime = plan.daytime.words().en[0];
    format!("{}. {}.", capital(&format!("{subject} {action} {daytime}")), capital(plan.camera.words().en[0]))
}

/// Chooses one of several ways to say the same.
pub(crate) trait Choose {
    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str;
    fn chance(&mut self, share: f64) -> bool;
}

impl Choose for ChaCha8Rng {
    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        // Half of the time the plain word, which is what people type.
        if self.random_bool(0.4) { First.one(list) } else { list.choose(self).copied().unwrap_or_default() }
    }

    fn chance(&mut self, share: f64) -> bool {
        self.random_bool(share)
    }
}

/// Always the plainest way.
pub(crate) struct First;

impl Choose for First {
    fn one<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list.first().copied().unwrap_or_default()
    }

    fn chance(&mut self, _share: f64) -> bool {
        false
    }
}

fn short(plan: &Plan, choose: &mut ChaCha8Rng) -> String {
    let main = &plan.props[0];
    let with_material = choose.chance(0.3);
    let subject = with_article(&named(main, with_material, choose));
    let partner = partner(plan, false, choose);
    let with_place = choose.chance(0.7);
    let mut text = format!("{subject} {}", action(plan, &partner, "", with_place, choose));
    if choose.chance(0.35) {
        text = joined(text, choose.one(plan.daytime.words().en), choose);
    }
    if plan.weather != Weather::Clear && choose.chance(0.7) {
        text = format!("{text} {}", choose.one(plan.weather.words().en));
    }
    if plan.look != Look::Natural && choose.chance(0.75) {
        text = in_look(plan, &text, choose);
    }
    let says_camera = if plan.camera == CameraMove::Still { 0.25 } else { 0.7 };
    if choose.chance(says_camera) {
        let camera = choose.one(plan.camera.words().en);
        text = match choose.random_range(0..3) {
            0 => format!("{text}, {camera}"),
            1 => format!("{text}; {camera}"),
            _ => format!("{text}. {}", capital(camera)),
        };
    }
    // Prompts are typed both as sentences and as notes.
    if choose.chance(0.3) { text } else { format!("{}.", capital(&text)) }
}

fn detailed(plan: &Plan, heading: f32, choose: &mut ChaCha8Rng) -> String {
    let main = &plan.props[0];
    let subject = with_article(&named(main, true, choose));
    let partner = partner(plan, true, choose);
    let way = match has_direction(plan) {
        true if heading > 0.0 => " from left to right",
        true => " from right to left",
        false => "",
    };
    let place_first = choose.chance(0.4);
    let action = action(plan, &partner, way, !place_first, choose);
    let daytime = choose.one(plan.daytime.words().en);
    let sentence = if place_first {
        format!("{} {daytime}, {subject} {action}", capital(choose.one(plan.place.words().en)))
    } else {
        format!("{} {daytime}", capital(&format!("{subject} {action}")))
    };
    let weather = match plan.weather {
        Weather::Clear if plan.place == Place::Room => String::new(),
        _ => format!(" {}", choose.one(plan.weather.words().en)),
    };
    let mut text = format!("{sentence}{weather}.");
    let others = others(plan);
    if !others.is_empty() {
        let verb = if plan.place == Place::Sea { "float" } else { "stand" };
        let ending = if others.len() == 1 { "s" } else { "" };
        let names: Vec<_> = others.iter().map(|prop| with_article(&named(prop, true, choose))).collect();
        text = format!("{text} {} {verb}{ending} in the background.", capital(&listed(&names)));
    }
    text = format!("{text} {}.", capital(choose.one(plan.camera.words().en)));
    let look = choose.one(plan.look.words().en);
    match choose.random_range(0..2) {
        0 => format!("{}: {}", capital(look), text),
        _ => format!("{text} {}.", capital(look)),
    }
}

/// Verb, partner, place and way.
fn action(plan: &Plan, partner: &str, way: &str, with_place: bool, choose: &mut impl Choose) -> String {
    let verb = choose.one(plan.motion.words().en);
    let at = plan.place.words().en;
    let (verb, place) = match plan.motion {
        Motion::Roll | Motion::Slide => (verb.to_owned(), plan.place.across().en),
        Motion::Fall if choose.chance(0.3) => ("falls from above".to_owned(), plan.place.onto().en),
        Motion::Fall => (verb.to_owned(), plan.place.onto().en),
        Motion::Collide | Motion::RollBehind => (format!("{verb} {partner}"), at),
        Motion::Orbit if !partner.is_empty() => {
            (format!("{} {partner}", choose.one(&["flies around", "circles around", "orbits"])), at)
        }
        Motion::Orbit => (verb.to_owned(), plan.place.above().en),
        Motion::FloatUp => (verb.to_owned(), plan.place.off().en),
        Motion::Rest if plan.place == Place::Sea => {
            return choose.one(&["floats on the sea", "bobs on the water", "floats on the waves"]).to_owned();
        }
        Motion::Bounce | Motion::Topple | Motion::Spin | Motion::Rest => (verb.to_owned(), at),
    };
    let place = choose.one(place);
    let action = if with_place { format!("{verb} {place}{way}") } else { format!("{verb}{way}") };
    if plan.motion != Motion::RollBehind {
        return action;
    }
    format!("{action} {}", choose.one(&["and comes out again", "and appears again", "and comes out on the other side"]))
}

/// The second object, where the motion is about it.
fn partner(plan: &Plan, with_material: bool, choose: &mut impl Choose) -> String {
    match partner_prop(plan) {
        Some(prop) => with_article(&named(prop, with_material, choose)),
        None => String::new(),
    }
}

pub(crate) fn partner_prop(plan: &Plan) -> Option<&Prop> {
    matches!(plan.motion, Motion::Collide | Motion::RollBehind | Motion::Orbit).then(|| plan.props.get(1)).flatten()
}

/// The objects that no verb is about.
pub(crate) fn others(plan: &Plan) -> &[Prop] {
    &plan.props[1 + usize::from(partner_prop(plan).is_some())..]
}

/// Whether left and right are plain to see.
pub(crate) fn has_direction(plan: &Plan) -> bool {
    matches!(plan.motion, Motion::Roll | Motion::Slide | Motion::RollBehind)
        && !matches!(plan.camera, CameraMove::Follow | CameraMove::OrbitLeft | CameraMove::OrbitRight)
}

fn named(prop: &Prop, with_material: bool, choose: &mut impl Choose) -> String {
    let (colour, shape) = (choose.one(prop.colour.words().en), choose.one(prop.shape.words().en));
    if with_material {
        format!("{} {colour} {shape}", choose.one(prop.material.words().en))
    } else {
        format!("{colour} {shape}")
    }
}

fn plain(prop: &Prop) -> String {
    named(prop, false, &mut First)
}

fn in_look(plan: &Plan, text: &str, choose: &mut impl Choose) -> String {
    let look = choose.one(plan.look.words().en);
    if choose.chance(0.6) { format!("{look}: {text}") } else { format!("{text}, {look}") }
}

fn joined(text: String, daytime: &str, choose: &mut impl Choose) -> String {
    if choose.chance(0.4) { format!("{daytime}, {text}") } else { format!("{text} {daytime}") }
}

fn with_article(noun: &str) -> String {
    let article = if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {noun}")
}

fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
