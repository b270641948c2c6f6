//! Everything that was measured, as JSON and as a table.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    Confusion, EvaluationError, PerQuestion, Question,
    adherence::{Agreement, ReadPrompt, agreement},
    edits::EditScores,
    guides::GuideScores,
    minutes::{MinuteScore, MinuteScores, Way},
    reconstruction::Reconstruction,
};

/// Mistakes of the classifier that the table lists for each question.
const LISTED_MISTAKES: usize = 3;

/// Everything that was measured of a model.
#[derive(Clone, Debug)]
pub struct Report {
    /// The model's name.
    pub model: String,
    /// How videos were made, in a few words.
    pub setting: String,
    /// What survives the autoencoder.
    pub autoencoder: Reconstruction,
    /// Noise level and loss.
    pub loss: Vec<(f32, f64)>,
    /// What the classifier took for what, on held-out renders.
    pub classifier: PerQuestion<Confusion>,
    /// The videos and what was read in them.
    pub prompts: Vec<ReadPrompt>,
    /// What edits keep and change, where that was measured.
    pub edits: Option<EditScores>,
    /// Whether camera and things go where they are told to, where that was measured.
    pub guides: Option<GuideScores>,
    /// Whether long videos stay what they are, where that was measured.
    pub minutes: Option<MinuteScores>,
}

/// The report's numbers, named as `--json` names them; a share is null where nothing was counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Numbers {
    /// What survives the autoencoder.
    pub autoencoder: Reconstruction,
    /// Loss by noise level.
    pub loss: BTreeMap<String, f64>,
    /// How often the classifier is right on held-out renders.
    pub classifier: PerQuestion<Option<f64>>,
    /// How often videos show what their prompts ask for.
    pub adherence: PerQuestion<Option<f64>>,
    /// What edits keep and change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<EditScores>,
    /// Whether camera and things go where they are told to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guides: Option<GuideScores>,
    /// Whether long videos stay what they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<MinuteScores>,
}

impl Report {
    /// The numbers alone.
    pub fn numbers(&self) -> Numbers {
        let agreement = self.agreement();
        Numbers {
            autoencoder: self.autoencoder,
            loss: self.loss.iter().map(|(level, loss)| (format!("{level:.1}"), *loss)).collect(),
            classifier: PerQuestion::from_fn(|question| self.classifier.get(question).share()),
            adherence: PerQuestion::from_fn(|question| agreement.get(question).share()),
            edits: self.edits.clone(),
            guides: self.guides,
            minutes: self.minutes.clone(),
        }
    }

    /// The numbers as JSON text.
    ///
    /// # Errors
    /// [`EvaluationError::NotFinite`] when a number is none.
    pub fn json(&self) -> Result<String, EvaluationError> {
        serde_json::to_string_pretty(&self.numbers())
            .map_err(|_| EvaluationError::NotFinite { what: "the report's numbers" })
    }

    /// How many videos agree with their prompts.
    pub fn agreement(&self) -> PerQuestion<Agreement> {
        agreement(&self.prompts)
    }

    /// The numbers as lines for a terminal.
    pub fn table(&self) -> String {
        let Reconstruction { psnr_db, ssim } = self.autoencoder;
        let mut lines = vec![
            format!("{}, {}", self.model, self.setting),
            String::new(),
            format!("autoencoder on held-out worlds   PSNR {psnr_db:.2} dB, SSIM {ssim:.4}"),
            String::new(),
            "noise level   loss".to_owned(),
        ];
        lines.extend(self.loss.iter().map(|(level, loss)| format!("        {level:.1}   {loss:.4}")));
        lines.extend([String::new(), "            adherence   videos counted   classifier on renders".to_owned()]);
        let agreement = self.agreement();
        for question in Question::ALL {
            let (agreed, confusion) = (agreement.get(question), self.classifier.get(question));
            lines.push(format!(
                "{:<10}  {:>9}   {:>14}   {:>21}",
                question.name(),
                percent(agreed.share()),
                agreed.counted,
                percent(confusion.share())
            ));
        }
        lines.extend(self.edits.iter().flat_map(edit_lines));
        lines.extend(self.guides.iter().flat_map(guide_lines));
        lines.extend(self.minutes.iter().flat_map(minute_lines));
        for question in Question::ALL {
            let mistakes = self.classifier.get(question).mistakes();
            let listed: Vec<_> = mistakes
                .iter()
                .take(LISTED_MISTAKES)
                .map(|&(truth, read, count)| {
                    format!("{} as {} {count}×", question.answer_name(truth), question.answer_name(read))
                })
                .collect();
            if !listed.is_empty() {
                lines.push(format!("the classifier misreads {}: {}", question.name(), listed.join(", ")));
            }
        }
        lines.join("\n")
    }
}

/// What edits keep and change, in lines.
fn edit_lines(scores: &EditScores) -> Vec<String> {
    let EditScores { films, animate_psnr_db, autoencoder_psnr_db, remix, .. } = scores;
    let mut lines = vec![
        String::new(),
        format!("edits of {films} held-out films"),
        format!(
            "animate     keeps its picture at {animate_psnr_db:.2} dB, the autoencoder alone at {autoencoder_psnr_db:.2} dB"
        ),
    ];
    let seams = [
        ("extend", scores.extend_seam),
        ("loop", scores.loop_seam),
        ("ring", scores.ring_seam),
        ("passage", scores.passage_seam),
        ("mix", scores.mix_seam),
    ];
    lines.extend(seams.map(|(name, seam)| format!("{name:<11} change at the seam is {seam:.2} times that around it")));
    lines.extend(remix.iter().map(|score| {
        let (strength, structure, colour) = (score.strength, score.structure, percent(Some(score.colour)));
        format!("remix {strength:.1}   edges correlate at {structure:.2}, {colour} have the new colour")
    }));
    lines
}

/// Whether camera and things go where they are told to, in lines.
fn guide_lines(scores: &GuideScores) -> Vec<String> {
    let GuideScores { films, camera, motion, motion_untold, permanence } = scores;
    let share = |share: f64| percent(Some(share));
    vec![
        String::new(),
        format!("guides on {films} held-out films; in brackets what is read in the films themselves"),
        format!("camera      {} from its path ({})", share(camera.videos), share(camera.films)),
        format!(
            "motion      {} of the width from its way ({}), {} when not told of it",
            share(motion.videos),
            share(motion.films),
            share(*motion_untold)
        ),
        format!("permanence  {} come out again ({})", share(permanence.videos), share(permanence.films)),
    ]
}

/// Whether long videos stay what they are, in lines.
fn minute_lines(scores: &MinuteScores) -> Vec<String> {
    let share = |share: f64| percent(Some(share));
    let head = format!("a minute of each of {} prompts, looked at after 5 s and at the end", scores.videos);
    let kind = |score: &MinuteScore| {
        let way = match score.way {
            Way::Windows { anti_drift } => format!("anti-drift {anti_drift}"),
            Way::AtOnce => "at once".into(),
        };
        let joints =
            score.joint.map_or_else(String::new, |joint| format!("; joints are {joint:.2} times those around"));
        [
            format!(
                "{way:<16} colour as asked {}, then {}; the same {}",
                share(score.early.colour),
                share(score.late.colour),
                share(score.same.colour)
            ),
            format!(
                "                 shape as asked {}, then {}; the same {}",
                share(score.early.shape),
                share(score.late.shape),
                share(score.same.shape)
            ),
            format!(
                "                 colours move by {:.1} of 255, their spread to {:.2} of itself; frames change by {:.1}{joints}",
                score.mean_moves, score.spread, score.change
            ),
        ]
    };
    [String::new(), head].into_iter().chain(scores.kinds.iter().flat_map(kind)).collect()
}

/// A share as people read it.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Answers, LabelledPrompt, adherence::ReadVideo};

    pub(crate) fn sample() -> Report {
        let mut classifier = PerQuestion::from_fn(Confusion::new);
        classifier.colour.add(0, 0);
        classifier.colour.add(0, 1);
        let sheet = vec![0xff, 0xd8, 0xff, 0xd9];
        let read = Answers { colour: 0, shape: 0, motion: 0, camera: 1 };
        Report {
            model: "a <b> & \"c\"".into(),
            setting: "64x64, 17 frames".into(),
            autoencoder: Reconstruction { psnr_db: 31.5, ssim: 0.93 },
            loss: crate::denoising::LEVELS.iter().map(|level| (*level, f64::from(*level) / 2.0)).collect(),
            classifier,
            prompts: vec![ReadPrompt {
                prompt: LabelledPrompt::from_words("a red ball <falls> & \"rolls\""),
                videos: vec![ReadVideo { seed: 0, read, sheet: sheet.clone() }, ReadVideo { seed: 1, read, sheet }],
            }],
            edits: None,
            guides: None,
            minutes: None,
        }
    }

    #[test]
    fn json_has_exactly_these_keys() {
        let json: serde_json::Value = serde_json::from_str(&sample().json().unwrap()).unwrap();
        let expected = serde_json::json!({
            "autoencoder": { "psnr_db": 31.5, "ssim": 0.93 },
            "loss": json["loss"],
            "classifier": { "colour": 0.5, "shape": null, "motion": null, "camera": null },
            "adherence": { "colour": 1.0, "shape": 1.0, "motion": 0.0, "camera": null },
        });
        assert_eq!(json, expected);
        let levels: Vec<_> = json["loss"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(levels, ["0.1", "0.3", "0.5", "0.7", "0.9"]);
    }

    #[test]
    fn edits_are_told_where_they_were_measured() {
        let remix = vec![crate::edits::RemixScore { strength: 0.5, structure: 0.75, colour: 0.25 }];
        let edits = EditScores {
            films: 3,
            animate_psnr_db: 30.5,
            autoencoder_psnr_db: 30.75,
            extend_seam: 1.25,
            loop_seam: 1.5,
            ring_seam: 1.75,
            passage_seam: 2.25,
            mix_seam: 2.5,
            remix,
        };
        let report = Report { edits: Some(edits), ..sample() };
        let table = report.table();
        for part in [
            "3 held-out films",
            "30.50 dB",
            "30.75 dB",
            "1.25 times",
            "1.50 times",
            "1.75 times",
            "2.25 times",
            "2.50 times",
            "0.75, 25.0 %",
        ] {
            assert!(table.contains(part), "{part}\n{table}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["edits"]["remix"][0]["structure"], 0.75);
    }

    #[test]
    fn guides_are_told_beside_what_their_readers_are_worth() {
        let reading = |videos, films| crate::guides::Reading { videos, films };
        let guides = GuideScores {
            films: 3,
            camera: reading(0.125, 0.0625),
            motion: reading(0.25, 0.03),
            motion_untold: 0.375,
            permanence: reading(0.7, 1.0),
        };
        let report = Report { guides: Some(guides), ..sample() };
        let table = report.table();
        for part in
            ["12.5 % from its path (6.2 %)", "25.0 %", "37.5 % when not told", "70.0 % come out again (100.0 %)"]
        {
            assert!(table.contains(part), "{part}\n{table}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["guides"]["permanence"]["videos"], 0.7);
    }

    #[test]
    fn minutes_are_told_for_each_kind() {
        let identity = |colour, shape| crate::minutes::Identity { colour, shape };
        let score = MinuteScore {
            way: Way::Windows { anti_drift: 0.15 },
            early: identity(0.75, 0.625),
            late: identity(0.5, 0.375),
            same: identity(0.25, 0.125),
            mean_moves: 12.5,
            spread: 1.25,
            change: 3.5,
            joint: Some(2.75),
        };
        let at_once = MinuteScore { way: Way::AtOnce, joint: None, change: 1.5, ..score };
        let report = Report { minutes: Some(MinuteScores { videos: 8, kinds: vec![score, at_once] }), ..sample() };
        let table = report.table();
        for part in [
            "each of 8 prompts",
            "anti-drift 0.15  colour as asked 75.0 %, then 50.0 %; the same 25.0 %",
            "shape as asked 62.5 %, then 37.5 %; the same 12.5 %",
            "by 12.5 of 255, their spread to 1.25 of itself; frames change by 3.5; joints are 2.75 times those around\n",
            "at once          colour as asked 75.0 %",
            "frames change by 1.5",
        ] {
            assert!(table.contains(part), "{part}\n{table}");
        }
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["minutes"]["kinds"][0]["late"]["colour"], 0.5);
        assert_eq!(json["minutes"]["kinds"][1]["way"], "at_once");
    }

    #[test]
    fn the_table_tells_every_number() {
        let table = sample().table();
        for part in ["31.50 dB", "0.9300", "0.4500", "100.0 %", "50.0 %", "red as orange 1×", "–"] {
            assert!(table.contains(part), "{part}\n{table}");
        }
    }
}
