//! Everything about a tiny random model: numbers, videos and page come out, and it stops when asked to.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::ops::ControlFlow;

use burn::tensor::Device;
use evaluation::{
    EvaluationError, EvaluationSettings, LabelledPrompt, Monitor, Phase, Silent, VideoSettings,
    classifier::{Classifier, ClassifierConfig},
    evaluate, html, prompts,
};
use generation::{GenerationOptions, Generator, Length};
use models::{AutoencoderConfig, Bundle, BundleInfo, TextEncoderConfig, Tokenizer, TransformerConfig, WeightInit};

fn generator() -> Generator {
    let captions = ["a red ball rolls across the grass", "a blue cube falls", "一个红色的球滚过草地"];
    let tokenizer = Tokenizer::train(captions.iter().cycle().take(30).copied(), 300).unwrap();
    let mut text_encoder = TextEncoderConfig::tiny(tokenizer.vocabulary_size());
    text_encoder.max_tokens = 512;
    let info = BundleInfo {
        format_version: models::bundle::FORMAT_VERSION,
        name: "tiny".into(),
        licence: "Apache-2.0".into(),
        trained_on: "nothing".into(),
        frame_rate: 16,
        autoencoder: AutoencoderConfig::tiny(),
        text_encoder,
        transformer: TransformerConfig::tiny(4, 16),
    };
    let mut weights = WeightInit::new(&Device::flex(), 5);
    Generator::new(Bundle {
        autoencoder: info.autoencoder.init(&mut weights),
        text_encoder: info.text_encoder.init(&mut weights),
        transformer: info.transformer.init(&mut weights),
        tokenizer,
        info,
    })
}

fn classifier() -> Classifier {
    ClassifierConfig::tiny().init(&mut WeightInit::new(&Device::flex(), 1))
}

fn settings(folder: Option<std::path::PathBuf>) -> EvaluationSettings {
    let mut prompts = prompts::held_out(1);
    prompts.push(LabelledPrompt::from_words("a red ball"));
    EvaluationSettings {
        clips: 2,
        renders: 3,
        prompts,
        videos: VideoSettings {
            options: GenerationOptions {
                size: Some([48, 32]),
                length: Some(Length::Frames(9)),
                num_inference_steps: Some(2),
                ..GenerationOptions::default()
            },
            seeds: 2,
            folder,
        },
        edits: 1,
        guides: 1,
        minutes: 0,
    }
}

#[test]
fn a_model_is_measured_whole() {
    let folder = tempfile::tempdir().unwrap();
    let generator = generator();
    let settings = settings(Some(folder.path().join("videos")));
    let report = evaluate(&generator, &classifier(), &settings, &mut Silent).unwrap();
    let numbers = report.numbers();
    assert!(numbers.autoencoder.psnr_db > 0.0 && numbers.autoencoder.ssim < 0.99, "{numbers:?}");
    // An untrained transformer predicts nothing, so the loss is the variance of noise − data, at least 1.
    assert!(numbers.loss.len() == 5 && numbers.loss.values().all(|loss| *loss > 0.9), "{numbers:?}");
    assert_eq!(report.classifier.colour.total(), 3);
    let agreement = report.agreement();
    assert_eq!([agreement.colour.counted, agreement.camera.counted], [4, 2]);
    assert_eq!(std::fs::read_dir(folder.path().join("videos")).unwrap().count(), 4);
    assert_eq!(html::page(&report).matches("data:image/jpeg;base64,").count(), 4);
    let edits = report.edits.as_ref().unwrap();
    // A known picture is what the autoencoder makes of it, whatever the transformer imagines behind it.
    assert!((edits.animate_psnr_db - edits.autoencoder_psnr_db).abs() < 0.5, "{edits:?}");
    let seams = [edits.extend_seam, edits.loop_seam, edits.ring_seam, edits.passage_seam, edits.mix_seam];
    assert!(seams.iter().all(|seam| *seam > 0.0), "{edits:?}");
    let strengths: Vec<f32> = edits.remix.iter().map(|score| score.strength).collect();
    assert_eq!(strengths, evaluation::edits::STRENGTHS);
    assert!(edits.remix.iter().all(|score| score.structure.abs() <= 1.0 && score.colour <= 1.0), "{edits:?}");
    // The same again gives the same.
    let again = evaluate(&generator, &classifier(), &settings, &mut Silent).unwrap();
    assert_eq!(again.json().unwrap(), report.json().unwrap());
}

#[test]
fn it_stops_in_every_phase() {
    struct StopAt(Phase);
    impl Monitor for StopAt {
        fn step(&mut self, phase: Phase, _done: u64, _total: u64) -> ControlFlow<()> {
            if phase == self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let generator = generator();
    for phase in [Phase::Clips, Phase::Autoencoder, Phase::Loss, Phase::Renders, Phase::Videos, Phase::Edits] {
        let stopped = evaluate(&generator, &classifier(), &settings(None), &mut StopAt(phase));
        assert!(matches!(stopped, Err(EvaluationError::Interrupted)), "{phase:?}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_before_any_work() {
    struct Untouched;
    impl Monitor for Untouched {
        fn step(&mut self, phase: Phase, _done: u64, _total: u64) -> ControlFlow<()> {
            panic!("{phase:?} has begun")
        }
    }
    let generator = generator();
    let refused = |change: &dyn Fn(&mut EvaluationSettings)| {
        let mut settings = settings(None);
        change(&mut settings);
        evaluate(&generator, &classifier(), &settings, &mut Untouched).unwrap_err().to_string()
    };
    assert!(refused(&|settings| settings.videos.options.size = Some([50, 32])).contains("50x32"));
    assert!(refused(&|settings| settings.videos.options.length = Some(Length::Frames(10))).contains("10 frames"));
    assert!(refused(&|settings| settings.prompts[1].prompt = " ".into()).contains("empty"));
    assert!(refused(&|settings| settings.prompts.clear()).contains("at least one prompt"));
    assert!(refused(&|settings| settings.clips = 0).contains("at least one clip"));
}
