//! Measures the watermark on simulated films: how many are found after each change, false alarms, and how far the pictures
//! move.
//!
//! `cargo run --release -p provenance --example measure_watermark -- [FILMS] [WIDTHxHEIGHT] [FRAMES]`

use std::{env, error::Error, time::Instant};

use openh264::{
    OpenH264API,
    decoder::Decoder,
    encoder::{BitRate, Encoder, EncoderConfig, IntraFramePeriod, QpRange, RateControlMode},
    formats::{RgbSliceU8, YUVBuffer, YUVSource},
};
use provenance::watermark::{FoundWatermark, Payload, WatermarkDetector, WatermarkKey, Watermarker};
use rayon::prelude::*;
use video::{Filter, Frame, FrameRate, Resolution};
use worlds::{Distribution, FilmSettings, World};

type Failure = Box<dyn Error + Send + Sync>;
type Change = fn(&[Frame], u64) -> Result<Vec<Frame>, Failure>;

/// The first film of the measurement; the mark was designed on others.
const FIRST_SEED: u64 = 1 << 52;

const CHANGES: [(&str, Change); 9] = [
    ("as written", |frames, _| Ok(frames.to_vec())),
    ("H.264, quantiser 30", |frames, _| h264(frames, 30)),
    ("H.264, quantiser 27", |frames, _| h264(frames, 27)),
    ("half the size and back", |frames, _| scaled(frames)),
    ("a tenth of each side cut off", |frames, seed| cropped(frames, seed)),
    ("every frame twice", |frames, _| Ok(frames.iter().flat_map(|frame| [frame.clone(), frame.clone()]).collect())),
    ("the first half", |frames, _| Ok(frames[..frames.len().div_ceil(2)].to_vec())),
    ("cut off, then H.264, quantiser 30", |frames, seed| h264(&cropped(frames, seed)?, 30)),
    ("cut off, and enlarged to the old size", |frames, seed| {
        let size = frames[0].resolution();
        cropped(frames, seed)?.iter().map(|frame| Ok(frame.resized(size, Filter::Lanczos)?)).collect()
    }),
];

struct Measured {
    found: Vec<Option<FoundWatermark>>,
    payload: Payload,
    false_alarm: bool,
    psnr: f64,
    marking_secs: f64,
    finding_secs: f64,
}

fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let films: u64 = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let size: Resolution = arguments.next().unwrap_or_else(|| "128x128".to_owned()).parse()?;
    let num_frames: usize = arguments.next().map_or(Ok(33), |text| text.parse())?;
    let settings = FilmSettings { resolution: size, num_frames, frame_rate: FrameRate::new(16, 1)? };
    let measured: Vec<Measured> =
        (0..films).into_par_iter().map(|film| measure(settings, FIRST_SEED + film)).collect::<Result<_, _>>()?;
    println!("{films} films of {size}, {num_frames} frames");
    for (index, (name, _)) in CHANGES.iter().enumerate() {
        let right = |film: &&Measured| film.found[index].is_some_and(|found| found.payload == film.payload);
        let found = measured.iter().filter(right).count();
        let mut strengths: Vec<f32> =
            measured.iter().map(|film| film.found[index].map_or(0.0, |f| f.strength)).collect();
        strengths.sort_by(f32::total_cmp);
        println!(
            "{name:40} {found:5} {:6.2} %   strength: least {:5.1}, median {:5.1}",
            found as f64 * 100.0 / films as f64,
            strengths[0],
            strengths[strengths.len() / 2]
        );
    }
    let least = measured.iter().map(|film| film.psnr).fold(f64::INFINITY, f64::min);
    let mean = measured.iter().map(|film| film.psnr).sum::<f64>() / films as f64;
    println!("false alarms without a mark: {}", measured.iter().filter(|film| film.false_alarm).count());
    println!("PSNR of marked against unmarked: least {least:.2} dB, mean {mean:.2} dB");
    let mean = |secs: fn(&Measured) -> f64| measured.iter().map(secs).sum::<f64>() / films as f64 * 1000.0;
    println!(
        "marking {:.0} ms, finding {:.0} ms a film",
        mean(|film| film.marking_secs),
        mean(|film| film.finding_secs)
    );
    Ok(())
}

fn measure(settings: FilmSettings, seed: u64) -> Result<Measured, Failure> {
    let seconds = settings.time_secs(settings.num_frames) as f32;
    let world = World::try_sample(&Distribution::full().with_duration_secs(seconds), seed)?;
    let plain = world.frames(settings);
    let payload = Payload::new("nano", &format!("film {seed}"));
    let mut watermarker = Watermarker::new(&WatermarkKey::default(), payload);
    let mut marked = plain.clone();
    let begun = Instant::now();
    marked.iter_mut().for_each(|frame| watermarker.mark(frame));
    let marking_secs = begun.elapsed().as_secs_f64();
    let mut found = Vec::new();
    for (_, change) in CHANGES {
        found.push(detector(&change(&marked, seed)?).find());
    }
    let begun = Instant::now();
    let unmarked = detector(&plain);
    let false_alarm = unmarked.find().is_some();
    let finding_secs = begun.elapsed().as_secs_f64();
    let psnr = psnr(&plain, &marked);
    Ok(Measured { found, payload, false_alarm, psnr, marking_secs, finding_secs })
}

fn detector(frames: &[Frame]) -> WatermarkDetector {
    let mut detector = WatermarkDetector::new(&WatermarkKey::default());
    frames.iter().for_each(|frame| detector.add(frame));
    detector
}

fn h264(frames: &[Frame], quantiser: u8) -> Result<Vec<Frame>, Failure> {
    let config = EncoderConfig::new()
        .rate_control_mode(RateControlMode::Bufferbased)
        .qp(QpRange::new(quantiser, quantiser))
        .bitrate(BitRate::from_bps(20_000_000))
        .intra_frame_period(IntraFramePeriod::from_num_frames(250))
        .skip_frames(false)
        .adaptive_quantization(false)
        .background_detection(false)
        .scene_change_detect(false);
    let mut encoder = Encoder::with_api_config(OpenH264API::from_source(), config)?;
    let mut decoder = Decoder::new()?;
    let mut out = Vec::new();
    for frame in frames {
        let size = frame.resolution();
        // 4:2:0 has even sides.
        let even = Resolution::new(size.width() & !1, size.height() & !1)?;
        let frame = if even == size { frame.clone() } else { crop(frame, [0, 0], even) };
        let sides = (even.width() as usize, even.height() as usize);
        let planes = YUVBuffer::from_rgb8_source(RgbSliceU8::new(frame.rgb(), sides));
        let coded = encoder.encode(&planes)?.to_vec();
        let picture = decoder.decode(&coded)?.ok_or("a picture is missing")?;
        let mut rgb = vec![0; frame.rgb().len()];
        debug_assert_eq!(picture.dimensions(), sides);
        picture.write_rgb8(&mut rgb);
        out.push(Frame::new(even, rgb)?);
    }
    Ok(out)
}

fn scaled(frames: &[Frame]) -> Result<Vec<Frame>, Failure> {
    let size = frames[0].resolution();
    let half = Resolution::new(size.width() / 2, size.height() / 2)?;
    let there_and_back = |frame: &Frame| Ok(frame.resized(half, Filter::Bicubic)?.resized(size, Filter::Bicubic)?);
    frames.iter().map(there_and_back).collect()
}

fn cropped(frames: &[Frame], seed: u64) -> Result<Vec<Frame>, Failure> {
    let size = frames[0].resolution();
    let kept = Resolution::new(size.width() * 9 / 10, size.height() * 9 / 10)?;
    let corner = [size.width() - kept.width(), size.height() - kept.height()]
        .map(|room| (seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) as u32 % (room + 1));
    Ok(frames.iter().map(|frame| crop(frame, corner, kept)).collect())
}

fn crop(frame: &Frame, [left, top]: [u32; 2], size: Resolution) -> Frame {
    let mut out = Frame::filled(size, [0; 3]);
    let (from, to) = (frame.resolution().width() as usize * 3, size.width() as usize * 3);
    for (row, line) in out.rgb_mut().chunks_exact_mut(to).enumerate() {
        let start = (top as usize + row) * from + left as usize * 3;
        line.copy_from_slice(&frame.rgb()[start..start + to]);
    }
    out
}

fn psnr(plain: &[Frame], marked: &[Frame]) -> f64 {
    let pairs = plain.iter().zip(marked).flat_map(|(a, b)| a.rgb().iter().zip(b.rgb()));
    let (sum, count) =
        pairs.fold((0.0, 0.0), |(sum, count), (&a, &b)| (sum + (f64::from(a) - f64::from(b)).powi(2), count + 1.0));
    10.0 * (255.0_f64.powi(2) * count / sum).log10()
}
