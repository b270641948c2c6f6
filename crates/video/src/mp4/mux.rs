//! Writes MP4: the index (`moov`) first, so that a browser plays while it loads.

use std::io::{self, Read, Seek, Write};

use mp4_atom::{
    Atom, Avc1, Avcc, Clap, Codec, Colr, Dinf, Dref, Encode, FourCC, Ftyp, Hdlr, Header, Ilst, IlstData, IlstDataValue,
    KeyEntry, Keys, Mdat, Mdhd, Mdia, Meta, Minf, Moov, Mvhd, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz,
    StszSamples, Stts, SttsEntry, Tkhd, Trak, Url, Visual, Vmhd,
};
use tempfile::SpooledTempFile;

use crate::{Frame, FrameRate, Resolution, Tag, VideoError, h264::H264Encoder};

/// Collects coded pictures, in memory or in an unnamed file, until the index can be written before them.
pub(crate) struct Mp4Encoder {
    encoder: H264Encoder,
    resolution: Resolution,
    frame_rate: FrameRate,
    pictures: SpooledTempFile,
    sizes: Vec<u32>,
    /// Numbers of the pictures from which playing can start, counted from 1.
    keyframes: Vec<u32>,
    tags: Vec<Tag>,
}

impl Mp4Encoder {
    /// `pictures` holds the coded pictures meanwhile.
    pub(crate) fn new(
        resolution: Resolution,
        frame_rate: FrameRate,
        pictures: SpooledTempFile,
    ) -> Result<Self, VideoError> {
        let encoder = H264Encoder::new(resolution, frame_rate)?;
        Ok(Self {
            encoder,
            resolution,
            frame_rate,
            pictures,
            sizes: Vec::new(),
            keyframes: Vec::new(),
            tags: Vec::new(),
        })
    }

    /// Writes these words beside the index.
    pub(crate) fn with_tags(self, tags: &[Tag]) -> Self {
        Self { tags: tags.to_vec(), ..self }
    }

    /// Codes one picture; the outer error is the encoder's, the inner one the disk's.
    pub(crate) fn write(&mut self, frame: &Frame) -> Result<io::Result<()>, VideoError> {
        let picture = self.encoder.encode(frame)?;
        self.sizes.push(picture.data.len() as u32);
        if picture.is_keyframe {
            self.keyframes.push(self.sizes.len() as u32);
        }
        Ok(self.pictures.write_all(&picture.data))
    }

    /// Writes the whole file into `output`.
    pub(crate) fn finish(mut self, output: &mut dyn Write) -> Result<io::Result<()>, VideoError> {
        let head = self.head().map_err(|error| VideoError::Encode { format: "MP4", message: error.to_string() })?;
        let mut copy = || {
            output.write_all(&head)?;
            self.pictures.rewind()?;
            let expected = self.sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
            let copied = io::copy(&mut Read::take(&mut self.pictures, expected), output)?;
            if copied != expected {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            output.flush()
        };
        Ok(copy())
    }

    /// All that stands before the pictures: `ftyp`, `moov` and the header of `mdat`.
    fn head(&self) -> mp4_atom::Result<Vec<u8>> {
        let mut head = Vec::new();
        Ftyp {
            major_brand: FourCC::new(b"isom"),
            minor_version: 0x200,
            compatible_brands: [b"isom", b"iso2", b"avc1", b"mp41"].map(FourCC::new).to_vec(),
        }
        .encode(&mut head)?;

        let mut media_header = Vec::new();
        let media_len = self.sizes.iter().map(|&size| size as usize).sum();
        Header { kind: Mdat::KIND, size: Some(media_len) }.encode(&mut media_header)?;

        // The offset has a fixed width, so the index's length does not depend on it.
        let length = head.len() + self.index(0)?.len() + media_header.len();
        head.extend(self.index(length as u32)?);
        head.extend(media_header);
        Ok(head)
    }

    /// The `moov` box, for pictures that lie one after another from `offset`.
    fn index(&self, offset: u32) -> mp4_atom::Result<Vec<u8>> {
        let (timescale, frame_ticks) = clock(self.frame_rate);
        let duration = u64::from(frame_ticks) * self.sizes.len() as u64;
        let (coded_width, coded_height) = self.encoder.coded_size();
        let (sps, pps) = self.encoder.parameter_sets();

        let sample_entry = Avc1 {
            visual: Visual {
                data_reference_index: 1,
                width: coded_width as u16,
                height: coded_height as u16,
                compressor: "".into(),
                ..Visual::default()
            },
            avcc: Avcc::new(sps, pps)?,
            btrt: None,
            // Primaries, transfer and matrix of BT.709, limited range: the same as in the SPS.
            colr: Some(Colr::new(1, 1, 1, false)?),
            pasp: None,
            taic: None,
            fiel: None,
            spatial: None,
        };
        let pictures = self.sizes.len() as u32;
        let table = Stbl {
            stsd: Stsd { codecs: vec![Codec::Avc1(sample_entry)] },
            stts: Stts { entries: vec![SttsEntry { sample_count: pictures, sample_delta: frame_ticks }] },
            stss: Some(Stss { entries: self.keyframes.clone() }),
            stsc: Stsc {
                entries: vec![StscEntry { first_chunk: 1, samples_per_chunk: pictures, sample_description_index: 1 }],
            },
            stsz: Stsz { samples: StszSamples::Different { sizes: self.sizes.clone() } },
            stco: Some(Stco { entries: vec![offset] }),
            ..Stbl::default()
        };
        let track = Trak {
            tkhd: Tkhd {
                track_id: 1,
                duration,
                enabled: true,
                in_movie: true,
                width: (self.resolution.width() as u16).into(),
                height: (self.resolution.height() as u16).into(),
                ..Tkhd::default()
            },
            mdia: Mdia {
                mdhd: Mdhd { timescale, duration, language: "und".to_owned(), ..Mdhd::default() },
                hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "VideoHandler".to_owned() },
                minf: Minf {
                    vmhd: Some(Vmhd::default()),
                    dinf: Dinf { dref: Dref { entries: vec![Url::default().into()] } },
                    stbl: table,
                    ..Minf::default()
                },
            },
            ..Trak::default()
        };
        let mvhd = Mvhd { timescale, duration, rate: 1.into(), volume: 1.into(), next_track_id: 2, ..Mvhd::default() };
        let mut index = Vec::new();
        Moov { mvhd, trak: vec![track], meta: self.meta(), ..Moov::default() }.encode(&mut index)?;

        if let Some(aperture) = self.clean_aperture() {
            let mut child = Vec::new();
            aperture.encode(&mut child)?;
            let path = [b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"];
            append_child(&mut index, &path, &child);
        }
        Ok(index)
    }

    /// Keys and their values, as QuickTime numbers them.
    fn meta(&self) -> Option<Meta> {
        let key = |tag: &Tag| KeyEntry { key_namespace: FourCC::new(b"mdta"), key_value: tag.key.clone() };
        let value = |(index, tag): (usize, &Tag)| {
            let value = IlstDataValue::Utf8(tag.value.clone());
            (index as u32 + 1, IlstData { country_indicator: 0, language_indicator: 0, value })
        };
        let keys = Keys { entries: self.tags.iter().map(key).collect() };
        let values = Ilst { mdta: self.tags.iter().enumerate().map(value).collect(), ..Ilst::default() };
        let hdlr = Hdlr { handler: FourCC::new(b"mdta"), name: String::new() };
        (!self.tags.is_empty()).then(|| Meta { hdlr, items: vec![keys.into(), values.into()] })
    }

    /// What to show of the coded picture, where that is not all of it: the top left corner.
    fn clean_aperture(&self) -> Option<Clap> {
        let (coded_width, coded_height) = self.encoder.coded_size();
        let (width, height) = (self.resolution.width(), self.resolution.height());
        ((width, height) != (coded_width, coded_height)).then(|| Clap {
            clean_aperture_width_n: width,
            clean_aperture_width_d: 1,
            clean_aperture_height_n: height,
            clean_aperture_height_d: 1,
            // From the coded picture's middle to the shown part's middle.
            horiz_off_n: width as i32 - coded_width as i32,
            horiz_off_d: 2,
            vert_off_n: height as i32 - coded_height as i32,
            vert_off_d: 2,
        })
    }
}

/// Ticks in a second, and ticks that one picture lasts: exact, and fine enough for every player.
fn clock(frame_rate: FrameRate) -> (u32, u32) {
    let (mut timescale, mut frame_ticks) = (frame_rate.num(), frame_rate.den());
    while timescale < 10_000 {
        timescale *= 2;
        frame_ticks *= 2;
    }
    // Players read it as a signed number. Only fractions that no camera has come here, and lose a billionth.
    while timescale > i32::MAX as u32 {
        (timescale, frame_ticks) = (timescale / 2, (frame_ticks / 2).max(1));
    }
    (timescale, frame_ticks)
}

/// Appends `child` to the box that `path` leads to, and lengthens every box on the way.
fn append_child(bytes: &mut Vec<u8>, path: &[&[u8; 4]], child: &[u8]) {
    let (mut start, mut end) = (0, bytes.len());
    let mut headers = Vec::new();
    for kind in path {
        while start + 8 <= end {
            let size = u32::from_be_bytes([bytes[start], bytes[start + 1], bytes[start + 2], bytes[start + 3]]);
            if &bytes[start + 4..start + 8] == *kind {
                end = start + size as usize;
                headers.push((start, size));
                // `stsd` has version, flags and a count before its children.
                start += if *kind == b"stsd" { 16 } else { 8 };
                break;
            }
            start += (size as usize).max(8);
        }
    }
    debug_assert_eq!(headers.len(), path.len());
    bytes.splice(end..end, child.iter().copied());
    for (start, size) in headers {
        bytes[start..start + 4].copy_from_slice(&(size + child.len() as u32).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_exact() {
        for (num, den) in [(24, 1), (30_000, 1001), (25, 2), (1, 1000), (1000, 1)] {
            let rate = FrameRate::new(num, den).unwrap();
            let (timescale, ticks) = clock(rate);
            assert_eq!(u64::from(timescale) * u64::from(den), u64::from(ticks) * u64::from(num));
            assert!(timescale >= 10_000);
        }
    }

    #[test]
    fn a_child_lengthens_its_parents() {
        let mut bytes = b"\0\0\0\x18moov\0\0\0\x08free\0\0\0\x08trak".to_vec();
        append_child(&mut bytes, &[b"moov", b"trak"], b"\0\0\0\x08skip");
        assert_eq!(bytes, b"\0\0\0\x20moov\0\0\0\x08free\0\0\0\x10trak\0\0\0\x08skip");
    }
}
