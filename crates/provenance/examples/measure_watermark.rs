//! Measures the watermark on simulated films: how many are found after each change, false alarms, and how far the pictures
//! move.
//!
//! `cargo run --release -p provenance --example measure_watermark -- [FILMS] [WIDTHxHEIGHT] [FRAMES] [UNMARKED]`
//!
//! Needs the program `ffmpeg` with libx264. UNMARKED films have no mark, and none should be found.

use std::{
    env,
    error::Error,
    io::Write,
    process::{Command, Stdio},
    thread,
    time::Instant,
};

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

const CHANGES: [(&str, Change); 11] = [
    ("as written", |frames, _| Ok(frames.to_vec())),
    ("x264, CRF 30", |frames, _| x264(frames, 30)),
    ("cut off, then x264, CRF 30", |frames, seed| x264(&cropped(frames, seed)?, 30)),
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
    psnr: f64,
    marking_secs: f64,
}

fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let films: u64 = arguments.next().map_or(Ok(50), |text| text.parse())?;
    let size: Resolution = arguments.next().unwrap_or_else(|| "128x128".to_owned()).parse()?;
    let num_frames: usize = arguments.next().map_or(Ok(33), |text| text.parse())?;
    let unmarked: u64 = arguments.next().map_or(Ok(50), |text| text.parse())?;
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
    println!("PSNR of marked against unmarked: least {least:.2} dB, mean {mean:.2} dB");
    let marking_secs = measured.iter().map(|film| film.marking_secs).sum::<f64>();
    println!("marking {:.1} ms a film", marking_secs * 1000.0 / films as f64);
    let searched: Vec<(bool, f64)> = (0..unmarked)
        .into_par_iter()
        .map(|film| search_in_vain(settings, FIRST_SEED + films + film))
        .collect::<Result<_, _>>()?;
    let false_alarms = searched.iter().filter(|(found, _)| *found).count();
    let searching_secs = searched.iter().map(|(_, secs)| secs).sum::<f64>();
    println!(
        "{false_alarms} false alarms on {unmarked} films, {:.0} ms a film",
        searching_secs * 1000.0 / unmarked as f64
    );
    Ok(())
}

fn measure(settings: FilmSettings, seed: u64) -> Result<Measured, Failure> {
    let plain = world(settings, seed)?.frames(settings);
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
    let psnr = psnr(&plain, &marked);
    Ok(Measured { found, payload, psnr, marking_secs })
}

fn world(settings: FilmSettings, seed: u64) -> Result<World, Failure> {
    let seconds = settings.time_secs(settings.num_frames) as f32;
    Ok(World::try_sample(&Distribution::full().with_duration_secs(seconds), seed)?)
}

/// Whether a film that has no mark is taken for marked, and how many seconds it takes to say so.
fn search_in_vain(settings: FilmSettings, seed: u64) -> Result<(bool, f64), Failure> {
    let plain = world(settings, seed)?.frames(settings);
    let begun = Instant::now();
    Ok((detector(&plain).find().is_some(), begun.elapsed().as_secs_f64()))
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

/// By the `ffmpeg` program with libx264, as people convert files.
fn x264(frames: &[Frame], crf: u8) -> Result<Vec<Frame>, Failure> {
    let size = frames[0].resolution();
    let even = Resolution::new(size.width() & !1, size.height() & !1)?;
    let raw = |size: Resolution| format!("-f rawvideo -pix_fmt rgb24 -s {size} -r 16");
    let cut = format!("crop={}:{}:0:0", even.width(), even.height());
    let write =
        format!("{} -i - -vf {cut} -c:v libx264 -threads 1 -crf {crf} -pix_fmt yuv420p -f matroska -", raw(size));
    let pixels: Vec<u8> = frames.iter().flat_map(|frame| frame.rgb()).copied().collect();
    let file = ffmpeg(&write, pixels)?;
    let pixels = ffmpeg("-i - -f rawvideo -pix_fmt rgb24 -", file)?;
    let sides = even.width() as usize * even.height() as usize * 3;
    pixels.chunks_exact(sides).map(|frame| Ok(Frame::new(even, frame.to_vec())?)).collect()
}

fn ffmpeg(arguments: &str, input: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error"])
        .args(arguments.split(' '))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("no way to write to ffmpeg")?;
    let writer = thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| "writing to ffmpeg failed")??;
    if output.status.success() { Ok(output.stdout) } else { Err("ffmpeg failed".into()) }
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
