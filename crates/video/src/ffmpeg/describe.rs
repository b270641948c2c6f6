//! What `ffprobe` says of a file.

use std::{collections::HashMap, io::Read, path::Path, sync::mpsc, thread};

use super::{
    Tools, input,
    process::{Process, complaint},
};
use crate::{FrameRate, ReadLimits, Resolution, VideoError};

const MAX_DESCRIPTION_BYTES: u64 = 1 << 20;
/// Rates above this come from files that give no rate, only a fine clock.
const MAX_SENSIBLE_RATE: f64 = 240.0;

/// The first video stream of a file.
#[derive(Clone, Debug)]
pub(crate) struct Description {
    /// Size as shown: turned upright, pixels made square.
    pub resolution: Resolution,
    /// The constant rate that it is read at.
    pub frame_rate: FrameRate,
    pub duration_secs: Option<f64>,
    pub codec: String,
    pub has_alpha: bool,
    /// For VP8 and VP9, whose transparency only another decoder sees.
    pub decoder: Option<&'static str>,
    /// A single picture, such as WebP.
    pub is_still: bool,
    /// The file says which colours it means.
    pub has_colour_matrix: bool,
}

impl Description {
    /// Frames at the constant rate.
    pub(crate) fn frame_count(&self) -> Option<u64> {
        if self.is_still {
            return Some(1);
        }
        self.duration_secs.map(|duration| ((duration * self.frame_rate.as_f64()).round() as u64).max(1))
    }
}

/// Asks `ffprobe`; `found` is what the file seems to be.
pub(crate) fn describe(tools: Tools, path: &Path, found: &str, limits: &ReadLimits) -> Result<Description, VideoError> {
    let mut arguments =
        ["-v", "error", "-select_streams", "V:0", "-of", "flat", "-show_entries"].map(Into::into).to_vec();
    arguments.push(
        "stream=codec_name,width,height,pix_fmt,sample_aspect_ratio,r_frame_rate,avg_frame_rate,duration,color_space\
         :stream_tags=rotate,alpha_mode:stream_side_data=rotation:format=duration,format_name"
            .into(),
    );
    // It may look into the first pictures: no limit at all would let a few bytes ask for gigabytes, and the caller's
    // own would hide the size from the message.
    arguments.extend(input(path, u64::from(Resolution::MAX_SIDE).pow(2).max(limits.max_pixels)));
    let (mut process, output) = Process::start(tools.ffprobe, arguments, path, found)?;

    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = Vec::new();
        let _ = output.take(MAX_DESCRIPTION_BYTES).read_to_end(&mut text);
        let _ = sender.send(String::from_utf8_lossy(&text).into_owned());
    });
    let Ok(text) = receiver.recv_timeout(limits.time_limit) else {
        process.kill();
        return Err(VideoError::TimeLimit { path: path.to_owned(), seconds: limits.time_limit.as_secs() });
    };
    let (status, messages) = process.finish();
    if !status.is_some_and(|status| status.success()) {
        return Err(VideoError::NotVideo { path: path.to_owned(), message: complaint(&messages, path) });
    }
    read(path, &text, limits)
}

fn read(path: &Path, text: &str, limits: &ReadLimits) -> Result<Description, VideoError> {
    let values: HashMap<&str, &str> = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key, value.trim_matches('"')))
        .collect();
    let stream = |key: &str| values.get(format!("streams.stream.0.{key}").as_str()).copied();
    let no_video = || VideoError::NotVideo { path: path.to_owned(), message: "it has no video stream".to_owned() };

    let codec = stream("codec_name").ok_or_else(no_video)?.to_owned();
    let side = |key: &str| stream(key).and_then(|side| side.parse::<u64>().ok()).filter(|&side| side > 0);
    let (width, height) = side("width").zip(side("height")).ok_or_else(no_video)?;
    limits.resolution(path, width, height)?;
    let stretch = stream("sample_aspect_ratio").and_then(|ratio| fraction(ratio, ':')).unwrap_or(1.0);
    let shown = (width as f64 * stretch.clamp(0.05, 20.0)).round().max(1.0) as u64;
    let rotation = values
        .iter()
        .find(|(key, _)| key.ends_with(".rotation"))
        .map(|(_, value)| *value)
        .or_else(|| stream("tags.rotate"))
        .and_then(|degrees| degrees.parse::<f64>().ok())
        .unwrap_or(0.0);
    let (width, height) =
        if (rotation / 90.0).round().rem_euclid(2.0) == 1.0 { (height, shown) } else { (shown, height) };
    let resolution = limits.resolution(path, width, height)?;

    let sensible = |rate: &FrameRate| rate.as_f64() <= MAX_SENSIBLE_RATE;
    let rate = |key: &str| stream(key).and_then(frame_rate).filter(sensible);
    let (average, nominal) = (rate("avg_frame_rate"), rate("r_frame_rate"));
    let frame_rate = match (average, nominal) {
        // The average of a constant rate is off by rounding only; of a variable one, it is the best there is.
        (Some(average), Some(nominal)) => {
            if (average.as_f64() / nominal.as_f64() - 1.0).abs() < 0.01 {
                nominal
            } else {
                average
            }
        }
        (Some(rate), None) | (None, Some(rate)) => rate,
        (None, None) => FrameRate::new(25, 1)?,
    };

    let seconds = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok()).filter(|secs| secs.is_finite());
    let duration_secs = seconds(stream("duration")).or_else(|| seconds(values.get("format.duration").copied()));
    let pixels = stream("pix_fmt").unwrap_or_default();
    let decoder = match (stream("tags.alpha_mode"), codec.as_str()) {
        (Some("1"), "vp9") => Some("libvpx-vp9"),
        (Some("1"), "vp8") => Some("libvpx"),
        _ => None,
    };
    let has_alpha = decoder.is_some()
        || pixels.starts_with("yuva")
        || pixels.starts_with("gbrap")
        || pixels.starts_with("ya")
        || ["rgba", "bgra", "argb", "abgr", "pal8"].iter().any(|alpha| pixels.starts_with(alpha));
    let is_still = values.get("format.format_name").is_some_and(|name| name.ends_with("_pipe"));
    let has_colour_matrix = stream("color_space").is_some_and(|space| space != "unknown" && space != "N/A");
    Ok(Description { resolution, frame_rate, duration_secs, codec, has_alpha, decoder, is_still, has_colour_matrix })
}

fn fraction(text: &str, separator: char) -> Option<f64> {
    let (num, den) = text.split_once(separator)?;
    let value = num.parse::<f64>().ok()? / den.parse::<f64>().ok()?;
    (value.is_finite() && value > 0.0).then_some(value)
}

fn frame_rate(text: &str) -> Option<FrameRate> {
    let (num, den) = text.split_once('/')?;
    let (mut num, mut den) = (num.parse::<u64>().ok()?, den.parse::<u64>().ok()?);
    while num.max(den) > u32::MAX.into() {
        (num, den) = (num / 2, den / 2);
    }
    FrameRate::new(num as u32, den as u32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PHONE: &str = r#"
streams.stream.0.codec_name="hevc"
streams.stream.0.width=1920
streams.stream.0.height=1080
streams.stream.0.sample_aspect_ratio="4:3"
streams.stream.0.pix_fmt="yuv420p10le"
streams.stream.0.r_frame_rate="90000/1"
streams.stream.0.avg_frame_rate="54000/1801"
streams.stream.0.duration="2.5"
streams.stream.0.side_data_list.side_data.0.rotation=-90
"#;

    #[test]
    fn rotation_aspect_and_average_rate_count() {
        let found = read(Path::new("phone.mov"), PHONE, &ReadLimits::default()).unwrap();
        assert_eq!(found.resolution, Resolution::new(1080, 2560).unwrap());
        assert_eq!(found.frame_rate, FrameRate::new(54_000, 1801).unwrap());
        assert_eq!((found.frame_count(), found.has_alpha), (Some(75), false));
    }

    #[test]
    fn absurd_sizes_are_refused() {
        let text = PHONE.replace("1920", "100000").replace("1080", "100000");
        let refused = read(Path::new("huge.mov"), &text, &ReadLimits::default());
        assert!(matches!(refused, Err(VideoError::TooManyPixels { width: 100_000, .. })), "{refused:?}");
        assert!(matches!(read(Path::new("a"), "", &ReadLimits::default()), Err(VideoError::NotVideo { .. })));
    }
}
