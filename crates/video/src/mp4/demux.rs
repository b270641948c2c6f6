//! Reads misora's own MP4, and any other that is as plain.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use mp4_atom::Avcc;
use openh264::{decoder::Decoder, formats::YUVSource};

use super::index::PlainH264;
use crate::{Frame, Resolution, VideoError, colour::frame_from_yuv};

/// Decodes one picture after another.
pub(crate) struct Mp4Decoder {
    path: PathBuf,
    file: File,
    resolution: Resolution,
    pictures: std::vec::IntoIter<(u64, u32)>,
    config: Avcc,
    decoder: Decoder,
    started: bool,
}

impl Mp4Decoder {
    pub(crate) fn new(
        path: PathBuf,
        file: File,
        resolution: Resolution,
        stream: PlainH264,
    ) -> Result<Self, VideoError> {
        let decoder = Decoder::new().map_err(|error| VideoError::damaged(&path, error))?;
        let PlainH264 { pictures, config, .. } = stream;
        Ok(Self { path, file, resolution, pictures: pictures.into_iter(), config, decoder, started: false })
    }

    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>, VideoError> {
        let Some((offset, size)) = self.pictures.next() else { return Ok(None) };
        let mut coded = vec![0; size as usize];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut coded));
        read.map_err(|error| VideoError::read(&self.path, error))?;

        let mut stream = Vec::with_capacity(coded.len() + 64);
        if !self.started {
            self.started = true;
            for set in self.config.sequence_parameter_sets.iter().chain(&self.config.picture_parameter_sets) {
                push_unit(&mut stream, set);
            }
        }
        let damaged = |message: &str| VideoError::damaged(&self.path, message);
        let mut rest = &coded[..];
        while !rest.is_empty() {
            let cut = || damaged("a picture is cut inside");
            let (length, after) = rest.split_at_checked(self.config.length_size.into()).ok_or_else(cut)?;
            let length = length.iter().fold(0usize, |length, &byte| length << 8 | usize::from(byte));
            let (unit, after) = after.split_at_checked(length).ok_or_else(cut)?;
            push_unit(&mut stream, unit);
            rest = after;
        }

        match self.decoder.decode(&stream) {
            Ok(Some(planes)) => {
                // Even, and at most one pixel larger than what is shown, or the smallest that can be coded.
                let (width, height) = planes.dimensions();
                let expected = |side: u32| (side as usize).max(16).next_multiple_of(2);
                let fits = width == expected(self.resolution.width()) && height == expected(self.resolution.height());
                let frame = if fits { frame_from_yuv(&planes, self.resolution) } else { None };
                frame.map(Some).ok_or_else(|| damaged("a picture has another size than the file says"))
            }
            Ok(None) => Err(damaged("a picture is missing from its stream")),
            Err(_) => Err(damaged("a picture cannot be decoded")),
        }
    }
}

fn push_unit(stream: &mut Vec<u8>, unit: &[u8]) {
    stream.extend([0, 0, 0, 1]);
    stream.extend(unit);
}
