//! What the index of an MP4 file says: where the pictures lie, how long they last, how they are coded.

use std::{fs::File, path::Path};

use mp4_atom::{Atom, Avcc, Co64, Colr, Decode, Matrix, Mdhd, Stco, Stsc, Stsz, StszSamples, Stts, Tkhd, Visual};

use super::boxes::{child, children, read_index};
use crate::{FrameRate, ReadLimits, Resolution, VideoError, sps::Sps};

/// Bytes before the children of a video sample entry.
const SAMPLE_ENTRY_BYTES: usize = 78;
/// Largest coded picture: 8K without any compression stays below.
const MAX_PICTURE_BYTES: u32 = 128 << 20;

/// The video track of a file.
#[derive(Debug)]
pub(crate) struct Mp4Index {
    pub resolution: Resolution,
    /// Four letters, as in `avc1`.
    pub codec: String,
    pub frame_count: u64,
    pub duration_secs: f64,
    pub average_rate: Option<FrameRate>,
    /// How to decode it here, or why only `ffmpeg` can.
    pub plain: Result<PlainH264, String>,
}

/// Why an index was not read.
#[derive(Debug)]
pub(crate) enum IndexError {
    /// It is broken, or of a kind that only `ffmpeg` understands.
    NotUnderstood(VideoError),
    /// Nothing else would read it, or should.
    Refused(VideoError),
}

impl From<VideoError> for IndexError {
    fn from(error: VideoError) -> Self {
        Self::Refused(error)
    }
}

/// A stream that the built-in decoder handles: progressive H.264 4:2:0, 8 bits, BT.709 limited range, pictures in
/// order, one constant rate.
#[derive(Debug)]
pub(crate) struct PlainH264 {
    pub frame_rate: FrameRate,
    /// Offset and length of each picture in the file.
    pub pictures: Vec<(u64, u32)>,
    pub config: Avcc,
}

impl Mp4Index {
    /// Reads the index of `file`; `path` is for messages.
    pub(crate) fn read(path: &Path, file: &mut File, limits: &ReadLimits) -> Result<Self, IndexError> {
        let index = read_index(file)
            .map_err(|error| VideoError::read(path, error))?
            .ok_or_else(|| VideoError::damaged(path, "its index (the moov box) is missing or cut off"))?;
        let track = children(&index)
            .filter(|(kind, _)| *kind == b"trak")
            .find_map(|(_, body)| Track::find(body))
            .ok_or_else(|| VideoError::NotVideo {
                path: path.to_owned(),
                message: "it is an MP4 file without a video track".to_owned(),
            })?;
        let file_len = file.metadata().map_err(|error| VideoError::read(path, error))?.len();
        track.read(path, file_len, limits)
    }
}

/// The boxes of one video track.
struct Track<'a> {
    track: &'a [u8],
    media: &'a [u8],
    table: &'a [u8],
}

impl<'a> Track<'a> {
    fn find(track: &'a [u8]) -> Option<Self> {
        let media = child(track, b"mdia")?;
        let handler = child(media, b"hdlr")?.get(8..12)?;
        let table = child(child(media, b"minf")?, b"stbl")?;
        (handler == b"vide").then_some(Self { track, media, table })
    }

    fn read(&self, path: &Path, file_len: u64, limits: &ReadLimits) -> Result<Mp4Index, IndexError> {
        let bad = |name: &str| {
            let message = format!("the {name} box of its index is missing or broken");
            IndexError::NotUnderstood(VideoError::damaged(path, message))
        };
        let header: Tkhd = decode(self.track, b"tkhd").ok_or_else(|| bad("tkhd"))?;
        let media: Mdhd = decode(self.media, b"mdhd").ok_or_else(|| bad("mdhd"))?;
        let sizes: Stsz = decode(self.table, b"stsz").ok_or_else(|| bad("stsz"))?;
        let durations: Stts = decode(self.table, b"stts").ok_or_else(|| bad("stts"))?;
        let entry = child(self.table, b"stsd").and_then(|body| children(body.get(8..)?).next());
        let (codec, entry) = entry.ok_or_else(|| bad("stsd"))?;
        let visual = Visual::decode(&mut &*entry).map_err(|_| bad("stsd"))?;
        let entry = entry.get(SAMPLE_ENTRY_BYTES..).unwrap_or_default();

        let (width, height) = (u64::from(visual.width), u64::from(visual.height));
        limits.resolution(path, width, height)?;
        let frame_count = match &sizes.samples {
            StszSamples::Identical { count, .. } => u64::from(*count),
            StszSamples::Different { sizes } => sizes.len() as u64,
        };
        limits.frames(path, frame_count)?;

        let ticks = durations
            .entries
            .iter()
            .fold(0u64, |sum, entry| sum.saturating_add(u64::from(entry.sample_count) * u64::from(entry.sample_delta)));
        let timescale = u64::from(media.timescale);
        if timescale == 0 {
            return Err(bad("mdhd"));
        }
        let duration_secs = ticks as f64 / timescale as f64;
        let average_rate = (ticks > 0).then(|| rate(frame_count.saturating_mul(timescale), ticks)).flatten();

        // An odd size is coded one pixel larger; the track header and the clean aperture have the true one.
        let smaller = |claimed: u16, coded: u64| {
            let claimed = u64::from(claimed);
            if child(entry, b"clap").is_some() && (1..coded).contains(&claimed) { claimed } else { coded }
        };
        let resolution = limits.resolution(
            path,
            smaller(header.width.integer(), width),
            smaller(header.height.integer(), height),
        )?;

        let plain = match self.plain(codec, entry, &header, &durations, (width, height), timescale) {
            Ok((frame_rate, config)) => {
                let pictures = self.pictures(path, &sizes, file_len)?;
                Ok(PlainH264 { frame_rate, pictures, config })
            }
            Err(reason) => Err(reason),
        };
        let codec = String::from_utf8_lossy(codec).into_owned();
        Ok(Mp4Index { resolution, codec, frame_count, duration_secs, average_rate, plain })
    }

    /// Whether the built-in decoder is right for this track; otherwise the reason against it.
    fn plain(
        &self,
        codec: &[u8; 4],
        entry: &[u8],
        header: &Tkhd,
        durations: &Stts,
        (width, height): (u64, u64),
        timescale: u64,
    ) -> Result<(FrameRate, Avcc), String> {
        let codec_name = String::from_utf8_lossy(codec);
        if codec != b"avc1" {
            return Err(format!("MP4 with codec {codec_name}"));
        }
        let config: Avcc = decode(entry, b"avcC").ok_or("MP4 without H.264 settings")?;
        let sps = config.sequence_parameter_sets.first().and_then(|set| Sps::parse(set));
        let sps = sps.ok_or("MP4 with H.264 settings that make no sense")?;
        if sps.chroma_format != 1 || sps.bit_depth != 8 || sps.interlaced || ![66, 77, 100].contains(&sps.profile) {
            return Err(format!("H.264 of profile {}", sps.profile));
        }
        if (u64::from(sps.width), u64::from(sps.height)) != (width, height) {
            return Err("MP4 that states two sizes".to_owned());
        }
        let from_stream = sps.colour.map(|colour| (colour.matrix.into(), colour.full_range));
        let from_box = child(entry, b"colr").and_then(|body| match Colr::decode_body(&mut &*body) {
            Ok(Colr::Nclx { matrix_coefficients, full_range_flag, .. }) => Some((matrix_coefficients, full_range_flag)),
            Ok(Colr::Nclc { matrix_coefficients, .. }) => Some((matrix_coefficients, false)),
            _ => None,
        });
        const BT709_LIMITED: (u16, bool) = (1, false);
        if from_stream.or(from_box) != Some(BT709_LIMITED) {
            return Err("H.264 with colours other than BT.709".to_owned());
        }
        if child(self.table, b"ctts").is_some() {
            return Err("H.264 with reordered pictures".to_owned());
        }
        if child(self.track, b"edts").is_some() || header.matrix != Matrix::default() {
            return Err("MP4 with an edit list or a rotation".to_owned());
        }
        let deltas: Vec<u32> = durations.entries.iter().map(|entry| entry.sample_delta).collect();
        match deltas[..] {
            [delta] => match rate(timescale, delta.into()) {
                Some(rate) => Ok((rate, config)),
                None => Err("MP4 with an absurd frame rate".to_owned()),
            },
            _ => Err("MP4 with a variable frame rate".to_owned()),
        }
    }

    /// Where each picture lies; all of them inside the file.
    fn pictures(&self, path: &Path, sizes: &Stsz, file_len: u64) -> Result<Vec<(u64, u32)>, VideoError> {
        let bad = |message: &str| VideoError::damaged(path, message);
        let chunks: Vec<u64> = match decode::<Stco>(self.table, b"stco") {
            Some(table) => table.entries.into_iter().map(u64::from).collect(),
            None => decode::<Co64>(self.table, b"co64").ok_or_else(|| bad("its index names no place"))?.entries,
        };
        let runs: Stsc = decode(self.table, b"stsc").ok_or_else(|| bad("its stsc box is broken"))?;
        let count = match &sizes.samples {
            StszSamples::Identical { count, .. } => *count as usize,
            StszSamples::Different { sizes } => sizes.len(),
        };
        let size_of = |index: usize| match &sizes.samples {
            StszSamples::Identical { size, .. } => *size,
            StszSamples::Different { sizes } => sizes[index],
        };

        let mut pictures = Vec::with_capacity(count);
        let mut run = 0;
        for (chunk, &start) in chunks.iter().enumerate() {
            while runs.entries.get(run + 1).is_some_and(|next| next.first_chunk as usize <= chunk + 1) {
                run += 1;
            }
            let in_chunk = runs.entries.get(run).ok_or_else(|| bad("its stsc box is empty"))?.samples_per_chunk;
            let mut offset = start;
            for _ in 0..(in_chunk as usize).min(count - pictures.len()) {
                let size = size_of(pictures.len());
                if size > MAX_PICTURE_BYTES || offset.checked_add(size.into()).is_none_or(|end| end > file_len) {
                    let picture = pictures.len() + 1;
                    return Err(bad(&format!("it ends before picture {picture} of {count}, it was cut off")));
                }
                pictures.push((offset, size));
                offset += u64::from(size);
            }
        }
        if pictures.len() < count || count == 0 {
            return Err(bad(&format!("its index places {} of {count} pictures", pictures.len())));
        }
        Ok(pictures)
    }
}

fn decode<T: Atom>(parent: &[u8], kind: &[u8; 4]) -> Option<T> {
    T::decode_body(&mut child(parent, kind)?).ok()
}

/// A frame rate from a fraction of any size.
fn rate(num: u64, den: u64) -> Option<FrameRate> {
    let (mut a, mut b) = (num, den);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    let (mut num, mut den) = (num.checked_div(a)?, den.checked_div(a)?);
    while num.max(den) > u32::MAX.into() {
        (num, den) = (num / 2, den / 2);
    }
    FrameRate::new(num as u32, den as u32).ok()
}
