//! Content credentials: a signed statement inside the file of how it came to be, as C2PA defines it.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `identity` | [`Identity`], who signs |

mod identity;

use std::{
    fs::File,
    io::Seek,
    path::{Path, PathBuf},
    sync::Arc,
};

use c2pa::{Builder, Context, Reader, Settings, ValidationState};
use serde::Serialize;
use serde_json::{Value, json};
use tempfile::SpooledTempFile;
use video::{MediaKind, OutputFormat, Seal, VideoError, probe};

pub use identity::{Identity, data_folder};

use crate::Origin;

/// What the whole was made by.
const GENERATED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia";
/// Where a part of it was given.
const COMPOSED: &str = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia";
/// Signed files up to this many bytes stay in memory.
const SPOOL_BYTES: usize = 16 << 20;

/// Signs the file of one video.
pub struct Credentials {
    identity: Identity,
    origin: Origin,
    inputs: Vec<PathBuf>,
}

impl Credentials {
    /// Signs as an identity that a video of this origin was made, of these files where there are any.
    pub fn new(identity: Identity, origin: Origin, inputs: Vec<PathBuf>) -> Self {
        Self { identity, origin, inputs }
    }

    /// Says how the video came to be.
    fn statement(&self) -> Value {
        let agent = json!({ "name": "misora", "version": env!("CARGO_PKG_VERSION") });
        let readable = self.inputs.iter().filter(|input| mime_of(input).is_some()).count();
        let ids: Vec<String> = (0..readable).map(input_id).collect();
        let actions = if ids.is_empty() {
            json!([{ "action": "c2pa.created", "digitalSourceType": GENERATED, "softwareAgent": agent }])
        } else {
            json!([
                { "action": "c2pa.opened", "parameters": { "ingredientIds": [ids[0]] } },
                {
                    "action": "c2pa.edited",
                    "digitalSourceType": COMPOSED,
                    "softwareAgent": agent,
                    "parameters": { "ingredientIds": ids },
                },
            ])
        };
        json!({
            "claim_generator_info": [agent],
            "title": self.origin.produce_id(),
            "instance_id": format!("xmp:iid:{}", self.origin.produce_id()),
            "assertions": [{ "label": "c2pa.actions", "data": { "actions": actions } }],
        })
    }

    fn sign(&self, format: &str, mut whole: SpooledTempFile) -> Result<SpooledTempFile, String> {
        let text = |error: c2pa::Error| error.to_string();
        let mut builder = Builder::from_context(Context::new()).with_definition(self.statement()).map_err(text)?;
        let readable = self.inputs.iter().filter_map(|input| Some((input, mime_of(input)?)));
        for (index, (input, mime)) in readable.enumerate() {
            let relationship = if index == 0 { "parentOf" } else { "inputTo" };
            let title = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let ingredient = json!({ "title": title, "relationship": relationship, "label": input_id(index) });
            let mut file = File::open(input).map_err(|error| error.to_string())?;
            builder.add_ingredient_from_stream(ingredient.to_string(), mime, &mut file).map_err(text)?;
        }
        let signer = self.identity.signer().map_err(|error| error.to_string())?;
        let mut signed = SpooledTempFile::new(SPOOL_BYTES);
        builder.sign(signer.as_ref(), format, &mut whole, &mut signed).map_err(text)?;
        signed.rewind().map_err(|error| error.to_string())?;
        Ok(signed)
    }
}

impl Seal for Credentials {
    fn seal(&self, format: OutputFormat, whole: SpooledTempFile) -> Result<SpooledTempFile, VideoError> {
        let format = match format {
            OutputFormat::Mp4 => "video/mp4",
            OutputFormat::Gif => "image/gif",
            OutputFormat::Jpeg => "image/jpeg",
            OutputFormat::Png | OutputFormat::PngFolder => "image/png",
        };
        self.sign(format, whole).map_err(|message| VideoError::Seal { message })
    }
}

impl From<Credentials> for Arc<dyn Seal> {
    fn from(credentials: Credentials) -> Self {
        Arc::new(credentials)
    }
}

fn input_id(index: usize) -> String {
    format!("input-{index}")
}

/// The media type of a file that can carry credentials, by what is in it.
fn mime_of(path: &Path) -> Option<&'static str> {
    let info = probe(path).ok().filter(|info| info.kind != MediaKind::Folder)?;
    match info.codec.as_str() {
        "png" => Some("image/png"),
        "jpeg" => Some("image/jpeg"),
        "gif" => Some("image/gif"),
        "h264" => {
            path.extension().filter(|ending| matches!(ending.to_str(), Some("mp4" | "m4v"))).and(Some("video/mp4"))
        }
        _ => None,
    }
}

/// What a file's credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// There are none.
    Absent,
    /// The signature holds, and is vouched for by this machine's certificates.
    Trusted,
    /// The signature holds; by whom it was made is not known here.
    Valid,
    /// The file was changed after it was signed, or the signature is wrong.
    Broken,
}

/// The credentials of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoundCredentials {
    /// What they are worth.
    pub standing: Standing,
    /// The program that signed.
    pub generator: Option<String>,
    /// The kinds of source that its actions name.
    pub source_types: Vec<String>,
    /// Files that went into it.
    pub inputs: Vec<String>,
    /// What is wrong, in the words of C2PA.
    pub problems: Vec<String>,
}

impl FoundCredentials {
    fn without(standing: Standing, problems: Vec<String>) -> Self {
        Self { standing, generator: None, source_types: Vec::new(), inputs: Vec::new(), problems }
    }

    /// Reads the credentials of a file, and checks them against the certificates of a data folder.
    pub fn read(path: &Path, folder: Option<&Path>) -> Self {
        let Some(mime) = mime_of(path) else { return Self::without(Standing::Absent, Vec::new()) };
        let mut settings = Settings::new();
        if let Some(anchors) = folder.and_then(Identity::anchors) {
            let trust = json!({ "trust": { "user_anchors": anchors } });
            settings = Settings::new().with_json(&trust.to_string()).unwrap_or_default();
        }
        let read = || -> Result<Reader, c2pa::Error> {
            let mut file = File::open(path)?;
            Reader::from_context(Context::new().with_settings(settings)?).with_stream(mime, &mut file)
        };
        match read() {
            Ok(reader) => Self::of(&reader),
            Err(c2pa::Error::JumbfNotFound | c2pa::Error::ProvenanceMissing) => {
                Self::without(Standing::Absent, Vec::new())
            }
            Err(error) => Self::without(Standing::Broken, vec![error.to_string()]),
        }
    }

    fn of(reader: &Reader) -> Self {
        let standing = match reader.validation_state() {
            ValidationState::Trusted => Standing::Trusted,
            ValidationState::Valid => Standing::Valid,
            ValidationState::Invalid => Standing::Broken,
        };
        let manifest = reader.active_manifest();
        let whole: Value = manifest.and_then(|manifest| serde_json::to_value(manifest).ok()).unwrap_or(Value::Null);
        let texts = |list: &Value, pointer: &str| -> Vec<String> {
            let found = list.as_array().into_iter().flatten().filter_map(|item| item.pointer(pointer)?.as_str());
            found.map(ToOwned::to_owned).collect()
        };
        let assertions = whole["assertions"].as_array().cloned().unwrap_or_default();
        let actions =
            assertions.iter().flat_map(|assertion| texts(&assertion["data"]["actions"], "/digitalSourceType"));
        let problems = reader.validation_status().unwrap_or_default().iter().map(|status| status.code().to_owned());
        Self {
            standing,
            generator: texts(&whole["claim_generator_info"], "/name").into_iter().next(),
            source_types: actions.collect(),
            inputs: texts(&whole["ingredients"], "/title"),
            problems: problems.collect(),
        }
    }
}
