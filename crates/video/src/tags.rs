//! Reads the words that a file carries besides its pictures.

use std::{fs::File, io::Read, path::Path};

use crate::{
    VideoError,
    extras::Tag,
    mp4::boxes::{child, children, read_index},
    probe::FileKind,
};

/// How far into a picture file is looked.
const HEAD_BYTES: u64 = 4 << 20;
/// Tags of one file; more are not read.
const MOST_TAGS: usize = 256;

/// The words of an MP4, PNG, JPEG or GIF, or of the first picture in a folder; no other file has any.
///
/// # Errors
/// [`VideoError::Read`] or [`VideoError::NotVideo`]. What is damaged counts as not there.
pub fn read_tags(path: &Path) -> Result<Vec<Tag>, VideoError> {
    let failed = |error| VideoError::read(path, error);
    let head = |path: &Path| -> Result<Vec<u8>, VideoError> {
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(HEAD_BYTES).read_to_end(&mut bytes)).map_err(failed)?;
        Ok(bytes)
    };
    let mut tags = match FileKind::find(path)? {
        FileKind::Mp4 => {
            let mut file = File::open(path).map_err(failed)?;
            read_index(&mut file).map_err(failed)?.map(|index| mp4_tags(&index)).unwrap_or_default()
        }
        FileKind::Png => png_tags(&head(path)?),
        FileKind::Folder(files) => png_tags(&head(&files[0])?),
        FileKind::Jpeg => jpeg_tags(&head(path)?),
        FileKind::Gif => gif_tags(&head(path)?),
        FileKind::Other(_) => Vec::new(),
    };
    tags.truncate(MOST_TAGS);
    Ok(tags)
}

/// Keys and values beside the index, as QuickTime numbers them; ffmpeg puts them into `udta`.
fn mp4_tags(moov: &[u8]) -> Vec<Tag> {
    let inside_user_data = child(moov, b"udta").and_then(|udta| child(udta, b"meta"));
    [child(moov, b"meta"), inside_user_data].into_iter().flatten().flat_map(meta_tags).collect()
}

fn meta_tags(meta: &[u8]) -> Vec<Tag> {
    // ISO says that version and flags come first, QuickTime that they do not.
    let inside = if meta.get(4..8) == Some(b"hdlr") { meta } else { meta.get(4..).unwrap_or_default() };
    let (Some(keys), Some(values)) = (child(inside, b"keys"), child(inside, b"ilst")) else { return Vec::new() };
    let keys: Vec<_> = children(keys.get(8..).unwrap_or_default()).map(|(_, name)| name).take(MOST_TAGS).collect();
    let tag = |(number, item): (&[u8; 4], &[u8])| {
        let key = keys.get((u32::from_be_bytes(*number) as usize).checked_sub(1)?)?;
        let value = child(item, b"data")?.get(8..)?;
        Some(Tag { key: String::from_utf8(key.to_vec()).ok()?, value: String::from_utf8(value.to_vec()).ok()? })
    };
    children(values).take(MOST_TAGS).filter_map(tag).collect()
}

fn png_tags(bytes: &[u8]) -> Vec<Tag> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    let mut tags = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some((kind, after)) = after.split_first_chunk::<4>() else { break };
        let Some((body, after)) = after.split_at_checked(length) else { break };
        if kind == b"tEXt"
            && let Some(end) = body.iter().position(|&byte| byte == 0)
        {
            let text = |bytes: &[u8]| bytes.iter().map(|&byte| char::from(byte)).collect::<String>();
            tags.push(Tag { key: text(&body[..end]), value: text(&body[end + 1..]) });
        }
        rest = after.get(4..).unwrap_or_default();
    }
    tags
}

fn jpeg_tags(bytes: &[u8]) -> Vec<Tag> {
    const COMMENT: u8 = 0xFE;
    const START_OF_SCAN: u8 = 0xDA;
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut tags = Vec::new();
    while let [0xFF, kind, high, low, ..] = *rest {
        if kind == START_OF_SCAN {
            break;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        if kind == COMMENT {
            tags.extend(rest.get(4..2 + length).and_then(Tag::from_line));
        }
        rest = rest.get(2 + length.max(2)..).unwrap_or_default();
    }
    tags
}

/// Comments before the first picture.
fn gif_tags(bytes: &[u8]) -> Vec<Tag> {
    const EXTENSION: u8 = 0x21;
    const COMMENT: u8 = 0xFE;
    let colours = bytes.get(10).map_or(0, |flags| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) });
    let mut rest = bytes.get(13 + colours..).unwrap_or_default();
    let mut tags = Vec::new();
    while let [EXTENSION, kind, after @ ..] = rest {
        let (mut after, mut text) = (after, Vec::new());
        while let Some((&length, more)) = after.split_first() {
            let Some((block, more)) = more.split_at_checked(usize::from(length)) else { return tags };
            text.extend_from_slice(block);
            after = more;
            if length == 0 {
                break;
            }
        }
        if *kind == COMMENT {
            tags.extend(Tag::from_line(&text));
        }
        rest = after;
    }
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_heads_hold_no_tags() {
        let files: [&[u8]; 6] = [
            b"",
            b"\x89PNG\r\n\x1A\n\xFF\xFF\xFF\xFFtEXtAIGC\0{}",
            b"\xFF\xD8\xFF\xFE\0\0AIGC={}",
            b"GIF89a\x10\0\x10\0\x80",
            b"GIF89a\x10\0\x10\0\0\0\0\x21\xFE\x20AIGC",
            b"\0\0\0\x08meta",
        ];
        for bytes in files {
            assert!(png_tags(bytes).is_empty() && jpeg_tags(bytes).is_empty() && gif_tags(bytes).is_empty());
            assert!(mp4_tags(bytes).is_empty());
        }
    }
}
