//! Reads the sequence parameter set of H.264: sizes and colour, before anything is decoded.

/// What a sequence parameter set says about the pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sps {
    pub profile: u8,
    /// Shown width in pixels, after cropping.
    pub width: u32,
    /// Shown height in pixels, after cropping.
    pub height: u32,
    /// 1 for 4:2:0.
    pub chroma_format: u32,
    pub bit_depth: u32,
    pub interlaced: bool,
    pub colour: Option<Colour>,
}

/// Code points of H.264 annex E.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    pub full_range: bool,
    pub primaries: u8,
    pub transfer: u8,
    pub matrix: u8,
}

impl Sps {
    /// Parses a NAL unit of kind 7; `None` when it is cut or senseless.
    pub(crate) fn parse(unit: &[u8]) -> Option<Self> {
        let payload = without_emulation_prevention(unit.get(1..)?);
        let mut bits = Bits { bytes: &payload, position: 0 };
        let profile = bits.take(8)? as u8;
        bits.take(16)?; // constraints and level
        bits.golomb()?; // the set's number

        let (mut chroma_format, mut bit_depth) = (1, 8);
        if [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135].contains(&profile) {
            chroma_format = bits.golomb()?;
            if chroma_format == 3 {
                bits.take(1)?;
            }
            bit_depth = 8 + bits.golomb()?.max(bits.golomb()?);
            bits.take(1)?;
            if bits.flag()? {
                for list in 0..if chroma_format == 3 { 12 } else { 8 } {
                    if bits.flag()? {
                        skip_scaling_list(&mut bits, if list < 6 { 16 } else { 64 })?;
                    }
                }
            }
        }

        bits.golomb()?; // log2_max_frame_num
        match bits.golomb()? {
            0 => drop(bits.golomb()?),
            1 => {
                bits.take(1)?;
                bits.golomb()?;
                bits.golomb()?;
                for _ in 0..bits.golomb()?.min(255) {
                    bits.golomb()?;
                }
            }
            _ => {}
        }
        bits.golomb()?; // reference frames
        bits.take(1)?;
        let (columns, rows) = (bits.golomb()?.checked_add(1)?, bits.golomb()?.checked_add(1)?);
        let interlaced = !bits.flag()?;
        if interlaced {
            bits.take(1)?;
        }
        bits.take(1)?;
        let mut crop = [0; 4];
        if bits.flag()? {
            for side in &mut crop {
                *side = bits.golomb()?;
            }
        }
        let fields = if interlaced { 2 } else { 1 };
        let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
        let unit_y = fields * if chroma_format == 1 { 2 } else { 1 };
        let shown = |blocks: u32, unit: u32, before: u32, after: u32| {
            blocks.checked_mul(16)?.checked_sub(before.checked_add(after)?.checked_mul(unit)?)
        };
        let width = shown(columns, unit_x, crop[0], crop[1])?;
        let height = shown(rows.checked_mul(fields)?, unit_y, crop[2], crop[3])?;

        let colour = if bits.flag()? { colour(&mut bits)? } else { None };
        Some(Self { profile, width, height, chroma_format, bit_depth, interlaced, colour })
    }
}

/// The colour part of the usability information; the rest of it is not needed.
fn colour(bits: &mut Bits) -> Option<Option<Colour>> {
    const EXTENDED_ASPECT: u32 = 255;
    if bits.flag()? && bits.take(8)? == EXTENDED_ASPECT {
        bits.take(32)?;
    }
    if bits.flag()? {
        bits.take(1)?; // overscan
    }
    if !bits.flag()? {
        return Some(None);
    }
    bits.take(3)?; // video format
    let full_range = bits.flag()?;
    let [primaries, transfer, matrix] = if bits.flag()? {
        [bits.take(8)? as u8, bits.take(8)? as u8, bits.take(8)? as u8]
    } else {
        const UNSPECIFIED: u8 = 2;
        [UNSPECIFIED; 3]
    };
    Some(Some(Colour { full_range, primaries, transfer, matrix }))
}

fn skip_scaling_list(bits: &mut Bits, length: usize) -> Option<()> {
    let (mut last, mut next) = (8i64, 8i64);
    for _ in 0..length {
        if next != 0 {
            let code = i64::from(bits.golomb()?);
            let delta = if code % 2 == 1 { code / 2 + 1 } else { -(code / 2) };
            next = (last + delta).rem_euclid(256);
        }
        if next != 0 {
            last = next;
        }
    }
    Some(())
}

/// Drops the 3 of every `0 0 3`, which keeps start codes out of the data.
fn without_emulation_prevention(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut zeros = 0;
    for &byte in bytes {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0u32, |value, _| Some(value << 1 | u32::from(self.flag()?)))
    }

    fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// An unsigned exponential Golomb code.
    fn golomb(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some((1u32 << zeros) - 1 + self.take(zeros)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From what x264 (core 164) wrote for 1920×1080, high profile, BT.709, limited range.
    const X264_1080P: [u8; 30] = [
        0x67, 0x64, 0x00, 0x28, 0xAC, 0xD9, 0x40, 0x78, 0x02, 0x27, 0xE5, 0xC0, 0x5A, 0x80, 0x80, 0x80, 0xA0, 0x00,
        0x00, 0x03, 0x00, 0x20, 0x00, 0x00, 0x06, 0x41, 0xE3, 0x06, 0x32, 0xC0,
    ];

    #[test]
    fn reads_size_crop_and_colour() {
        let sps = Sps::parse(&X264_1080P).unwrap();
        assert_eq!((sps.profile, sps.width, sps.height), (100, 1920, 1080));
        assert_eq!((sps.chroma_format, sps.bit_depth, sps.interlaced), (1, 8, false));
        assert_eq!(sps.colour, Some(Colour { full_range: false, primaries: 1, transfer: 1, matrix: 1 }));
    }

    #[test]
    fn cut_or_random_sets_are_no_panic() {
        for length in 0..12 {
            assert_eq!(Sps::parse(&X264_1080P[..length]), None);
        }
        let mut state = 1u32;
        for _ in 0..2000 {
            let bytes: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (state >> 24) as u8
                })
                .collect();
            let _ = Sps::parse(&bytes);
        }
    }
}
