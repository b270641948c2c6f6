//! A world in Chinese words.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::{
    captions::{Choose, First, has_direction, others, partner_prop},
    plan::{CameraMove, Motion, Plan},
    stage::{Look, Place, Prop, Weather},
};

pub(crate) fn short(plan: &Plan, choose: &mut ChaCha8Rng) -> String {
    let with_material = choose.chance(0.3);
    let subject = named(&plan.props[0], with_material, choose);
    let with_place = choose.chance(0.7);
    let mut text = action(plan, &subject, with_place, false, None, choose);
    if plan.weather != Weather::Clear && choose.chance(0.7) {
        text = format!("{}，{text}", choose.one(plan.weather.words().zh));
    }
    if choose.chance(0.35) {
        text = format!("{}，{text}", choose.one(plan.daytime.words().zh));
    }
    if plan.look != Look::Natural && choose.chance(0.75) {
        text = format!("{}：{text}", choose.one(plan.look.words().zh));
    }
    let says_camera = if plan.camera == CameraMove::Still { 0.25 } else { 0.7 };
    if choose.chance(says_camera) {
        text = format!("{text}，{}", choose.one(plan.camera.words().zh));
    }
    if choose.chance(0.3) { text } else { format!("{text}。") }
}

pub(crate) fn detailed(plan: &Plan, heading: f32, choose: &mut ChaCha8Rng) -> String {
    let subject = named(&plan.props[0], true, choose);
    let daytime = choose.one(plan.daytime.words().zh);
    let weather = match plan.weather {
        Weather::Clear if plan.place == Place::Room => String::new(),
        _ => format!("，{}", choose.one(plan.weather.words().zh)),
    };
    let way = has_direction(plan).then_some(if heading > 0.0 { "从左向右" } else { "从右向左" });
    let mut text = format!("{daytime}{weather}，{}。", action(plan, &subject, true, true, way, choose));
    let others = others(plan);
    if !others.is_empty() {
        let names: Vec<_> = others.iter().map(|prop| named(prop, true, choose)).collect();
        let verb = if plan.place == Place::Sea { "漂着" } else { "立着" };
        text = format!("{text}背景中{verb}{}。", listed(&names));
    }
    text = format!("{text}{}。", choose.one(plan.camera.words().zh));
    let look = choose.one(plan.look.words().zh);
    if choose.random_bool(0.5) { format!("{look}：{text}") } else { format!("{text}{look}。") }
}

/// A prompt that names colour, shape, motion, place and camera in the plainest words.
pub(crate) fn prompt(plan: &Plan) -> String {
    let subject = named(&plan.props[0], false, &mut First);
    let action = action(plan, &subject, true, false, None, &mut First);
    format!("{}，{action}。{}。", plan.daytime.words().zh[0], plan.camera.words().zh[0])
}

/// Subject, place, partner and verb, in the order that Chinese puts them.
fn action(
    plan: &Plan,
    subject: &str,
    with_place: bool,
    with_material: bool,
    way: Option<&str>,
    choose: &mut impl Choose,
) -> String {
    let partner = partner_prop(plan).map(|prop| named(prop, with_material, choose));
    let at = choose.one(plan.place.words().zh);
    let over = choose.one(plan.place.across().zh);
    let onto = choose.one(plan.place.onto().zh);
    let way = way.unwrap_or_default();
    let at_place = if with_place { format!("在{at}") } else { String::new() };
    let over_place = if with_place { format!("在{over}") } else { String::new() };
    match (plan.motion, partner) {
        (Motion::Roll, _) => {
            let verb = choose.one(&["滚动", "滚过"]);
            // "滚过" wants a place after it.
            if with_place && verb == "滚过" {
                format!("{subject}{way}滚过{}", ground(over))
            } else {
                format!("{subject}{over_place}{way}滚动")
            }
        }
        (Motion::Slide, _) => format!("{subject}{over_place}{way}{}", choose.one(motion_words(plan))),
        (Motion::Fall, _) if with_place => {
            format!("{subject}{}{onto}", choose.one(&["掉落到", "落到", "从空中落到"]))
        }
        (Motion::Fall, _) => format!("{subject}{}", choose.one(&["掉落下来", "从空中落下", "落下"])),
        (Motion::Collide, Some(partner)) => {
            format!("{subject}{at_place}{}{partner}", choose.one(motion_words(plan)))
        }
        (Motion::RollBehind, Some(partner)) => {
            let ending = choose.one(&["又滚了出来", "再从另一边出来", "然后重新出现"]);
            format!("{at_place}{}{subject}{way}滚到{partner}后面，{ending}", if with_place { "，" } else { "" })
        }
        (Motion::Orbit, Some(partner)) => {
            format!("{subject}{at_place}绕着{partner}{}", choose.one(&["飞行", "转圈", "环绕飞行"]))
        }
        (Motion::Rest, _) if plan.place == Place::Sea => {
            format!("{subject}{}", choose.one(&["漂浮在海面上", "在水面上漂浮", "随着海浪起伏"]))
        }
        (Motion::FloatUp, _) if with_place => {
            let from = choose.one(plan.place.off().zh);
            format!("{subject}从{from}{}", choose.one(motion_words(plan)))
        }
        (Motion::Orbit, None) if with_place => {
            format!("{subject}在{}{}", choose.one(plan.place.above().zh), choose.one(motion_words(plan)))
        }
        _ => format!("{subject}{at_place}{}", choose.one(motion_words(plan))),
    }
}

fn motion_words(plan: &Plan) -> &'static [&'static str] {
    plan.motion.words().zh
}

fn listed(names: &[String]) -> String {
    match names {
        [first @ .., last] if !first.is_empty() => format!("{}和{last}", first.join("、")),
        names => names.concat(),
    }
}

/// The ground itself, without "on" or "in".
fn ground(place: &str) -> &str {
    place.strip_suffix('上').or_else(|| place.strip_suffix('里')).unwrap_or(place)
}

fn named(prop: &Prop, with_material: bool, choose: &mut impl Choose) -> String {
    let (colour, shape) = (choose.one(prop.colour.words().zh), choose.one(prop.shape.words().zh));
    if with_material {
        format!("一个{}的{colour}{shape}", choose.one(prop.material.words().zh))
    } else if choose.chance(0.5) {
        format!("一个{colour}{shape}")
    } else {
        format!("一个{colour}的{shape}")
    }
}
