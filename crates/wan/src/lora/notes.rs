//! What PEFT notes beside a LoRA's tensors, as text in the header of the file.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

/// The notes' name in the header.
const NAME: &str = "lora_adapter_metadata";

/// The part of the notes that changes what is added.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Notes {
    /// Alpha of all layers that have none of their own.
    pub(super) alpha: Option<f32>,
}

impl Notes {
    /// Reads the notes in a header, where there are any.
    ///
    /// # Errors
    /// Says what they ask for that misora does not do.
    pub(super) fn read(header: &HashMap<String, String>) -> Result<Self, String> {
        let Some(text) = header.get(NAME) else { return Ok(Self::default()) };
        let notes: BTreeMap<String, Value> =
            serde_json::from_str(text).map_err(|error| format!("its {NAME} are not JSON ({error})"))?;
        let mut read = Self::default();
        for (name, value) in &notes {
            let is_empty = matches!(value, Value::Null | Value::Bool(false))
                || value.as_object().is_some_and(serde_json::Map::is_empty);
            match name.strip_prefix("transformer.").unwrap_or(name) {
                "lora_alpha" => {
                    let alpha = value.as_f64().map(|alpha| alpha as f32).filter(|alpha| alpha.is_finite());
                    read.alpha = Some(alpha.ok_or_else(|| format!("{name} is {value}; it must be a number"))?);
                }
                "use_dora" | "use_rslora" | "alpha_pattern" if !is_empty => {
                    return Err(format!("it has {name}, which misora cannot merge; plain LoRA files are read"));
                }
                _ => {}
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Notes, String> {
        Notes::read(&HashMap::from([(NAME.to_owned(), text.to_owned())]))
    }

    #[test]
    fn alpha_is_read_and_what_cannot_be_done_is_said() {
        assert_eq!(Notes::read(&HashMap::new()), Ok(Notes { alpha: None }));
        let text = r#"{"transformer.r": 4, "transformer.lora_alpha": 8, "transformer.use_dora": false,
                       "transformer.alpha_pattern": {}}"#;
        assert_eq!(read(text), Ok(Notes { alpha: Some(8.0) }));
        assert_eq!(read(r#"{"lora_alpha": 2.5}"#), Ok(Notes { alpha: Some(2.5) }));
        for (text, part) in [
            ("[", "not JSON"),
            (r#"{"lora_alpha": "big"}"#, "lora_alpha"),
            (r#"{"lora_alpha": 1e300}"#, "lora_alpha"),
            (r#"{"transformer.use_dora": true}"#, "use_dora"),
            (r#"{"use_rslora": true}"#, "use_rslora"),
            (r#"{"alpha_pattern": {"blocks": 3}}"#, "alpha_pattern"),
        ] {
            assert!(read(text).unwrap_err().contains(part), "{text}");
        }
    }
}
