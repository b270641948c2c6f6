//! What a file gets besides its pictures: words, and a seal.

use std::{
    io::{self, Cursor, Read, Seek, Write},
    sync::Arc,
};

use tempfile::SpooledTempFile;

use crate::{OutputFormat, VideoError, atomic::spool};

/// A word that a file carries, and what it says: MP4 has room for it beside the index, PNG in a `tEXt` chunk, GIF and JPEG
/// in a comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, of Latin letters.
    pub key: String,
    /// What it says, in printable ASCII.
    pub value: String,
}

/// What is done to a whole file before it takes its name, such as signing it.
pub trait Seal: Send + Sync {
    /// Gives the sealed file for a whole one, both at their beginning.
    ///
    /// # Errors
    /// [`VideoError::Seal`] with what went wrong.
    fn seal(&self, format: OutputFormat, whole: SpooledTempFile) -> Result<SpooledTempFile, VideoError>;
}

/// What a file gets besides its pictures.
#[derive(Clone, Default)]
pub struct Extras {
    /// Words that it carries.
    pub tags: Vec<Tag>,
    /// What is done to it at last.
    pub seal: Option<Arc<dyn Seal>>,
}

impl Extras {
    /// A whole picture file with these.
    pub(crate) fn finish_still(&self, format: OutputFormat, mut bytes: Vec<u8>) -> Result<Vec<u8>, VideoError> {
        for tag in self.tags.iter().rev() {
            match format {
                OutputFormat::Jpeg => insert_jpeg_comment(&mut bytes, tag),
                _ => insert_png_text(&mut bytes, tag),
            }
        }
        let Some(seal) = &self.seal else { return Ok(bytes) };
        let mut whole = spool();
        whole.write_all(&bytes).and_then(|()| whole.rewind()).map_err(failed)?;
        let mut sealed = seal.seal(format, whole)?;
        bytes.clear();
        sealed.read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }

    /// Copies a whole file to where it goes, sealed if it has to be.
    pub(crate) fn finish_into(
        &self,
        format: OutputFormat,
        mut whole: SpooledTempFile,
        output: &mut dyn Write,
    ) -> Result<io::Result<()>, VideoError> {
        if let Err(error) = whole.rewind() {
            return Ok(Err(error));
        }
        if let Some(seal) = &self.seal {
            whole = seal.seal(format, whole)?;
        }
        Ok(io::copy(&mut whole, output).and_then(|_| output.flush()))
    }
}

impl Tag {
    /// As a comment holds it.
    pub(crate) fn line(&self) -> String {
        format!("{}={}", self.key, self.value)
    }

    /// A comment's tag, if it is one.
    pub(crate) fn from_line(line: &[u8]) -> Option<Self> {
        let (key, value) = std::str::from_utf8(line).ok()?.split_once('=')?;
        let is_name = !key.is_empty() && key.chars().all(|letter| letter.is_ascii_alphanumeric());
        is_name.then(|| Self { key: key.to_owned(), value: value.to_owned() })
    }
}

fn failed(error: io::Error) -> VideoError {
    VideoError::Seal { message: error.to_string() }
}

/// Puts a text chunk behind the header, which is of fixed length.
fn insert_png_text(bytes: &mut Vec<u8>, tag: &Tag) {
    const HEADER: usize = 8 + 25;
    let mut chunk = b"tEXt".to_vec();
    chunk.extend(tag.key.bytes().chain([0]).chain(tag.value.bytes()));
    let mut whole = ((chunk.len() - 4) as u32).to_be_bytes().to_vec();
    whole.extend(&chunk);
    whole.extend(crc32fast::hash(&chunk).to_be_bytes());
    bytes.splice(HEADER..HEADER, whole);
}

/// Puts a comment behind the first segment, which has to be the format's own.
fn insert_jpeg_comment(bytes: &mut Vec<u8>, tag: &Tag) {
    let line = tag.line();
    let first = usize::from(u16::from_be_bytes([bytes[4], bytes[5]]));
    let mut segment = vec![0xFF, 0xFE];
    segment.extend(((line.len() + 2) as u16).to_be_bytes());
    segment.extend(line.bytes());
    bytes.splice(4 + first..4 + first, segment);
}

/// The whole of a short file, to be sealed in memory.
pub fn spooled(bytes: &[u8]) -> io::Result<SpooledTempFile> {
    let mut file = spool();
    io::copy(&mut Cursor::new(bytes), &mut file)?;
    file.rewind()?;
    Ok(file)
}
