//! A request that makes a video, as a form.

use std::{
    fmt::Display,
    fs::File,
    io::{Cursor, Read},
    path::{Path, PathBuf},
};

use anyhow::Context;

/// More random than any file that is sent.
const BOUNDARY: &str = "misora-5f1c0e7ab2d94c6e8a3b-form";

/// A request that makes a video.
pub struct RemoteOrder {
    path: &'static str,
    fields: Vec<(&'static str, String)>,
    files: Vec<(String, PathBuf)>,
}

impl RemoteOrder {
    /// A request to a call such as `/v1/videos`.
    pub const fn new(path: &'static str) -> Self {
        Self { path, fields: vec![], files: vec![] }
    }

    /// The call.
    pub const fn path(&self) -> &'static str {
        self.path
    }

    /// Says something, if there is something to say.
    pub fn field(mut self, name: &'static str, value: Option<impl Display>) -> Self {
        self.fields.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Width and height, if they were said.
    pub fn size(self, size: Option<[u32; 2]>) -> Self {
        self.field("size", size.map(|[width, height]| format!("{width}x{height}")))
    }

    /// Sends a file along.
    pub fn file(mut self, name: impl Into<String>, path: &Path) -> Self {
        self.files.push((name.into(), path.to_owned()));
        self
    }

    /// What was said of a field.
    pub fn said(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    /// Looks whether its files can be read.
    pub fn check(&self) -> anyhow::Result<()> {
        self.files.iter().try_for_each(|(_, path)| open(path).map(drop))
    }

    /// The form for one seed: its type, and the form itself, whose files are read as they are sent.
    pub fn form(&self, seed: u64) -> anyhow::Result<(String, Box<dyn Read>)> {
        let mut texts = String::new();
        for (name, value) in self.fields.iter().chain(&[("seed", seed.to_string())]) {
            texts += &format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        let mut form: Box<dyn Read> = Box::new(Cursor::new(texts));
        for (name, path) in &self.files {
            let file = open(path)?;
            let head = format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n"
            );
            form = Box::new(form.chain(Cursor::new(head)).chain(file).chain(Cursor::new("\r\n")));
        }
        let form = form.chain(Cursor::new(format!("--{BOUNDARY}--\r\n")));
        Ok((format!("multipart/form-data; boundary={BOUNDARY}"), Box::new(form)))
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_has_fields_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"\x89PNG").unwrap();
        let order =
            RemoteOrder::new("/v1/videos").field("prompt", Some("球")).field("fps", None::<u32>).size(Some([64, 32]));
        assert_eq!((order.said("size"), order.said("fps")), (Some("64x32"), None));
        let (kind, mut form) = order.file("input_reference", &path).form(7).unwrap();
        let mut bytes = Vec::new();
        form.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(kind.ends_with(BOUNDARY) && text.ends_with(&format!("--{BOUNDARY}--\r\n")), "{text}");
        assert!(
            text.contains("name=\"prompt\"\r\n\r\n球\r\n--") && text.contains("name=\"seed\"\r\n\r\n7\r\n"),
            "{text}"
        );
        assert_eq!(text.matches(BOUNDARY).count(), 5, "{text}");
        assert!(RemoteOrder::new("/").file("video", &folder.path().join("none")).form(1).is_err());
    }
}
