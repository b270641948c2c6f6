//! Clips as NumPy arrays.
//!
//! # Source
//! The `.npy` format, versions 1.0 to 3.0, as NumPy documents it in `numpy.lib.format`.

use video::{Clip, Frame, FrameRate, Resolution};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// A header of four numbers takes about a hundred bytes; nobody needs more than this.
const MAX_HEADER_LEN: usize = 16 * 1024;

/// The bytes of a `.npy` file of `uint8` `[T, H, W, 3]`.
pub fn encode(clip: &Clip) -> Vec<u8> {
    let (resolution, frames) = (clip.resolution(), clip.frames());
    let mut header = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({}, {}, {}, 3), }}",
        frames.len(),
        resolution.height(),
        resolution.width()
    );
    // The data begin at a multiple of 64 bytes, and the header ends with a line feed.
    let unpadded = MAGIC.len() + 4 + header.len() + 1;
    header.extend(std::iter::repeat_n(' ', unpadded.next_multiple_of(64) - unpadded));
    header.push('\n');

    let mut bytes = Vec::with_capacity(MAGIC.len() + 4 + header.len() + frames.len() * resolution.pixel_count() * 3);
    bytes.extend(MAGIC);
    bytes.extend([1, 0]);
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    frames.iter().for_each(|frame| bytes.extend(frame.rgb()));
    bytes
}

/// The clip that a `.npy` file of `uint8` `[T, H, W, 3]` (or `[H, W, 3]`, an image) holds.
///
/// # Errors
/// A sentence that says what was expected and what was found.
pub fn decode(bytes: &[u8], frame_rate: FrameRate) -> Result<Clip, String> {
    let (shape, data) = parse(bytes)?;
    let (num_frames, height, width) = match shape[..] {
        [num_frames, height, width, 3] => (num_frames, height, width),
        [height, width, 3] => (1, height, width),
        _ => return Err(format!("the array has shape {shape:?}, but a clip has [T, H, W, 3]")),
    };
    let side = |side: u64| u32::try_from(side).unwrap_or(u32::MAX);
    let resolution = Resolution::new(side(width), side(height)).map_err(|error| error.to_string())?;
    let frame_len = resolution.pixel_count() * 3;
    // Held against the bytes that are there before any memory is taken.
    if num_frames.checked_mul(frame_len as u64) != Some(data.len() as u64) {
        return Err(format!("the array of shape {shape:?} has {} bytes, which do not go together", data.len()));
    }
    let frames: Result<Vec<Frame>, _> =
        data.chunks_exact(frame_len).map(|rgb| Frame::new(resolution, rgb.to_vec())).collect();
    frames.and_then(|frames| Clip::new(frames, frame_rate)).map_err(|error| error.to_string())
}

/// Shape and data of an array of bytes in C order.
fn parse(bytes: &[u8]) -> Result<(Vec<u64>, &[u8]), String> {
    let cut = || "the array is cut short within its header".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a NumPy array does")?;
    let (version, rest) = rest.split_at_checked(2).ok_or_else(cut)?;
    let (header_len, rest) = match version {
        [1, 0] => rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_le_bytes(*len)), rest)),
        [2 | 3, 0] => rest.split_first_chunk().map(|(len, rest)| (u32::from_le_bytes(*len) as usize, rest)),
        _ => return Err(format!("NumPy array format {}.{} is not known here", version[0], version[1])),
    }
    .ok_or_else(cut)?;
    if header_len > MAX_HEADER_LEN {
        return Err(format!("the array's header claims {header_len} bytes; at most {MAX_HEADER_LEN} are read"));
    }
    let (header, data) = rest.split_at_checked(header_len).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| "the array's header is not text")?;

    let kind = value(header, "descr").ok_or("the array's header has no 'descr'")?;
    if !["'|u1'", "'u1'", "'<u1'", "'>u1'"].iter().any(|known| kind.starts_with(known)) {
        return Err(format!("the array holds {}, but a clip is '|u1' (uint8)", first_word(kind)));
    }
    let order = value(header, "fortran_order").ok_or("the array's header has no 'fortran_order'")?;
    if !order.starts_with("False") {
        return Err("the array is in Fortran order, but a clip is in C order".into());
    }
    let shape = value(header, "shape").ok_or("the array's header has no 'shape'")?;
    let shape = shape
        .strip_prefix('(')
        .and_then(|shape| shape.split_once(')'))
        .and_then(|(sides, _)| {
            let sides = sides.trim().trim_end_matches(',').split(',');
            sides.map(|side| side.trim().parse().ok()).collect::<Option<Vec<u64>>>()
        })
        .ok_or("the array's shape cannot be read")?;
    Ok((shape, data))
}

/// What follows `'key':` in the header, which is a Python dictionary with exactly three known keys.
fn value<'a>(header: &'a str, key: &str) -> Option<&'a str> {
    let quoted = format!("'{key}'");
    let (_, rest) = header.split_once(&quoted)?;
    rest.trim_start().strip_prefix(':').map(str::trim_start)
}

fn first_word(text: &str) -> &str {
    text.split([',', '}']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip() -> Clip {
        let size = Resolution::new(5, 3).unwrap();
        let frames = (0..4).map(|t| Frame::new(size, (0..45).map(|i| t * 50 + i).collect()).unwrap()).collect();
        Clip::new(frames, FrameRate::new(24, 1).unwrap()).unwrap()
    }

    fn decode_header(header: &str, data: &[u8]) -> Result<Clip, String> {
        let mut bytes = [MAGIC.as_slice(), &[1, 0], &(header.len() as u16).to_le_bytes()].concat();
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        decode(&bytes, FrameRate::new(24, 1).unwrap())
    }

    #[test]
    fn a_clip_comes_back() {
        let bytes = encode(&clip());
        assert_eq!(decode(&bytes, clip().frame_rate()).unwrap(), clip());
        assert!((bytes.len() - 4 * 45).is_multiple_of(64), "the data are aligned");
    }

    #[test]
    fn an_image_without_a_time_axis_is_a_clip_of_one_frame() {
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 1, 3), }\n";
        assert_eq!(decode_header(header, &[7; 6]).unwrap().frames().len(), 1);
    }

    #[test]
    fn absurd_sizes_are_refused_before_memory_is_taken() {
        let shapes = [
            "(4294967295, 16384, 16384, 3)",
            "(18446744073709551615, 5, 3, 3)",
            "(99999999999999999999999, 5, 3, 3)",
            "(1, 100000, 100000, 3)",
            "(0, 5, 3, 3)",
            "(1, 0, 3, 3)",
            "(-1, 5, 3, 3)",
            "(1, 2, 2, 4)",
            "(6,)",
            "()",
            "",
            "(1, 2, 1, 3",
        ];
        for shape in shapes {
            let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}\n");
            assert!(decode_header(&header, &[0; 12]).is_err(), "{shape}");
        }
    }

    #[test]
    fn other_kinds_of_arrays_are_refused() {
        let right = "{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 2, 3), }\n";
        assert!(decode_header(right, &[0; 12]).is_ok());
        for (from, to) in [("|u1", "<f4"), ("|u1", "|O"), ("False", "True"), ("'shape'", "'form'"), ("descr", "d")] {
            assert!(decode_header(&right.replace(from, to), &[0; 12]).is_err(), "{to}");
        }
        for len in [0, 11, 13] {
            assert!(decode_header(right, &vec![0; len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn a_cut_array_is_an_error_wherever_it_is_cut() {
        let bytes = encode(&clip());
        for len in 0..bytes.len() {
            assert!(decode(&bytes[..len], clip().frame_rate()).is_err(), "cut to {len} bytes");
        }
        let huge_header = [MAGIC.as_slice(), &[2, 0], &u32::MAX.to_le_bytes(), &[b' '; 100]].concat();
        assert!(decode(&huge_header, clip().frame_rate()).is_err());
    }
}
