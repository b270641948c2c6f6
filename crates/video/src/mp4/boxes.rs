//! Finds boxes in untrusted bytes.
//!
//! Only the path to what is needed is followed, so that boxes nested without end cannot exhaust the stack.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

/// The largest index that is read: enough for a million pictures.
const MAX_INDEX_BYTES: u64 = 64 << 20;
/// Boxes at the top of a file; more is no video.
const MAX_TOP_BOXES: usize = 100_000;

/// The boxes directly inside `bytes`, as kind and body; ends at the first that does not fit.
pub(crate) fn children(mut bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (size, rest) = bytes.split_first_chunk()?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (body, next) = match u32::from_be_bytes(*size) {
            0 => (rest, &[][..]),
            1 => {
                let (size, rest) = rest.split_first_chunk()?;
                let size = usize::try_from(u64::from_be_bytes(*size)).ok()?.checked_sub(16)?;
                rest.split_at_checked(size)?
            }
            size => rest.split_at_checked((size as usize).checked_sub(8)?)?,
        };
        bytes = next;
        Some((kind, body))
    })
}

/// The body of the first box of that kind directly inside `bytes`.
pub(crate) fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(bytes).find_map(|(found, body)| (found == kind).then_some(body))
}

/// The body of the index box `moov`; `None` when the file has none that is whole.
///
/// # Errors
/// What the system says, or [`io::ErrorKind::FileTooLarge`] when the index is absurdly long.
pub(crate) fn read_index(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let file_len = file.metadata()?.len();
    let mut start = 0u64;
    for _ in 0..MAX_TOP_BOXES {
        if start.saturating_add(8) > file_len {
            break;
        }
        file.seek(SeekFrom::Start(start))?;
        let mut header = [0; 16];
        let wanted = (file_len - start).min(16) as usize;
        file.read_exact(&mut header[..wanted])?;
        let (size, body_start) = match u32::from_be_bytes([header[0], header[1], header[2], header[3]]) {
            0 => (file_len - start, start + 8),
            1 if wanted == 16 => {
                let size = header[8..16].iter().fold(0u64, |size, &byte| size << 8 | u64::from(byte));
                (size, start + 16)
            }
            size => (size.into(), start + 8),
        };
        let Some(end) = start.checked_add(size).filter(|&end| end >= body_start) else { break };
        if &header[4..8] == b"moov" {
            if end > file_len {
                break;
            }
            if end - body_start > MAX_INDEX_BYTES {
                return Err(io::ErrorKind::FileTooLarge.into());
            }
            file.seek(SeekFrom::Start(body_start))?;
            let mut index = vec![0; (end - body_start) as usize];
            file.read_exact(&mut index)?;
            return Ok(Some(index));
        }
        start = end;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_only_boxes_that_fit() {
        let bytes = b"\0\0\0\x09abcdX\0\0\0\x08efgh\0\0\0\xFFlong";
        let found: Vec<_> = children(bytes).collect();
        assert_eq!(found, [(b"abcd", &b"X"[..]), (b"efgh", &b""[..])]);
        assert_eq!(children(b"\0\0\0\x04abcd").count(), 0);
        assert_eq!(children(b"\0\0\0\x01abcd\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF").count(), 0);
        assert_eq!(child(bytes, b"efgh"), Some(&b""[..]));
    }
}
