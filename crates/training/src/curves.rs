//! Curves of a stage's log as an SVG picture: loss and learning rate, or validation over steps.

use std::{fmt::Write as _, path::Path};

use serde_json::{Map, Value};

use crate::{TrainingError, log};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 48.0;
const COLOURS: [&str; 6] = ["#2b6cb0", "#c05621", "#2f855a", "#6b46c1", "#b83280", "#4a5568"];
/// The step losses are noisy: this many points at most are drawn, each a mean.
const POINTS: usize = 240;

/// One line of the picture.
struct Curve {
    name: String,
    points: Vec<(f64, f64)>,
}

/// Draws `log.jsonl` of a stage's folder as `curves.svg` beside it.
///
/// # Errors
/// [`TrainingError::File`] when the log cannot be read or the picture not written.
pub fn draw(folder: &Path) -> Result<(), TrainingError> {
    let lines = log::read(&folder.join("log.jsonl"))?;
    let path = folder.join("curves.svg");
    std::fs::write(&path, svg(&curves(&lines))).map_err(TrainingError::file("write", &path))
}

fn curves(lines: &[Map<String, Value>]) -> Vec<Curve> {
    let of_kind =
        |kind: &'static str| lines.iter().filter(move |line| line.get("kind").and_then(Value::as_str) == Some(kind));
    let step = |line: &Map<String, Value>| line.get("step").and_then(Value::as_f64);
    let losses: Vec<_> = of_kind("step").filter_map(|line| Some((step(line)?, line.get("loss")?.as_f64()?))).collect();
    let mut curves = vec![Curve { name: "loss".into(), points: thinned(&losses) }];
    let mut add = |name: String, point: (f64, f64)| match curves.iter_mut().find(|curve| curve.name == name) {
        Some(curve) => curve.points.push(point),
        None => curves.push(Curve { name, points: vec![point] }),
    };
    for line in of_kind("validation") {
        let Some(step) = step(line) else { continue };
        for pair in line.get("loss_by_level").and_then(Value::as_array).into_iter().flatten() {
            if let (Some(level), Some(loss)) = (pair[0].as_f64(), pair[1].as_f64()) {
                add(format!("held out, level {level:.1}"), (step, loss));
            }
        }
    }
    curves
}

/// Means of neighbouring points, at most [`POINTS`] of them.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let group = points.len().div_ceil(POINTS).max(1);
    let mean = |group: &[(f64, f64)]| {
        let count = group.len() as f64;
        (group.iter().map(|point| point.0).sum::<f64>() / count, group.iter().map(|point| point.1).sum::<f64>() / count)
    };
    points.chunks(group).map(mean).collect()
}

fn svg(curves: &[Curve]) -> String {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let last_step = all().map(|point| point.0).fold(1.0, f64::max);
    // The first losses are far above all others and would press the rest flat.
    let mut values: Vec<f64> = all().map(|point| point.1).collect();
    values.sort_by(f64::total_cmp);
    let top = values.get(values.len().saturating_sub(1) * 98 / 100).copied().unwrap_or(1.0).max(1e-9) * 1.05;
    let x = |step: f64| MARGIN + step / last_step * (WIDTH - 2.0 * MARGIN);
    let y = |value: f64| HEIGHT - MARGIN - (value / top).min(1.0) * (HEIGHT - 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for tick in 0..=4 {
        let share = f64::from(tick) / 4.0;
        let (value, step) = (share * top, share * last_step);
        let _ = writeln!(
            out,
            "<line x1=\"{MARGIN}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\" stroke=\"#e2e8f0\"/>\
             <text x=\"4\" y=\"{y:.1}\">{value:.3}</text><text x=\"{x:.1}\" y=\"{bottom}\">{step:.0}</text>",
            right = WIDTH - MARGIN,
            y = y(value),
            x = x(step),
            bottom = HEIGHT - MARGIN + 16.0,
        );
    }
    for (index, (curve, colour)) in curves.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let points: Vec<_> =
            curve.points.iter().map(|(step, value)| format!("{:.1},{:.1}", x(*step), y(*value))).collect();
        let _ = writeln!(
            out,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{colour}\">{}</text>",
            points.join(" "),
            WIDTH - MARGIN - 130.0,
            MARGIN + 14.0 * index as f64,
            curve.name,
        );
    }
    out + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn draws_loss_and_validation() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = log::Log::open(&folder.path().join("log.jsonl"), 0).unwrap();
        for step in 1..=1000 {
            log.write("step", step, json!({ "loss": 1.0 / step as f64 })).unwrap();
        }
        log.write("validation", 1000, json!({ "loss_by_level": [[0.1, 0.5], [0.9, 0.7]] })).unwrap();
        draw(folder.path()).unwrap();
        let svg = std::fs::read_to_string(folder.path().join("curves.svg")).unwrap();
        assert_eq!(svg.matches("<polyline").count(), 3);
        assert!(svg.contains("held out, level 0.9") && !svg.contains("NaN"));
    }

    #[test]
    fn an_empty_log_gives_an_empty_picture() {
        assert!(!svg(&curves(&[])).contains("NaN"));
    }
}
