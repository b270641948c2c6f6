//! Where a video comes from, as its marks say it.

use serde::{Deserialize, Serialize};
use video::Tag;

use crate::watermark::Payload;

/// The tag that GB 45438 asks for.
pub const AIGC_KEY: &str = "AIGC";

/// Who made a video, and of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The model's name.
    pub model: String,
    /// All that tells this video apart from others: prompt, settings, seed.
    pub recipe: String,
    /// The prompt's language, in which the visible label is written.
    pub language: Language,
}

/// A language of the visible label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// Chinese where a prompt holds Chinese characters, else English.
    pub fn of(prompt: &str) -> Self {
        let is_chinese = |letter| matches!(letter, '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}');
        if prompt.chars().any(is_chinese) { Self::Chinese } else { Self::English }
    }
}

impl Origin {
    /// What the watermark says.
    pub fn payload(&self) -> Payload {
        Payload::new(&self.model, &self.recipe)
    }

    /// The name of the video in its metadata.
    pub fn produce_id(&self) -> String {
        let Payload { version, model, video } = self.payload();
        format!("misora-{version}-{model:02x}-{video:05x}")
    }

    /// The label in the metadata.
    pub fn aigc(&self) -> AigcLabel {
        AigcLabel {
            label: "1".to_owned(),
            content_producer: "misora".to_owned(),
            produce_id: self.produce_id(),
            ..AigcLabel::default()
        }
    }
}

/// The metadata label of GB 45438-2025, annex E.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AigcLabel {
    /// `1`: is generated; `2`: may be; `3`: is suspected to be.
    pub label: String,
    /// Who made it.
    pub content_producer: String,
    /// Its number there.
    #[serde(rename = "ProduceID")]
    pub produce_id: String,
    /// For the producer's own use.
    pub reserved_code1: String,
    /// Who spread it.
    pub content_propagator: String,
    /// Its number there.
    #[serde(rename = "PropagateID")]
    pub propagate_id: String,
    /// For the propagator's own use.
    pub reserved_code2: String,
}

impl AigcLabel {
    /// As a file carries it.
    pub fn tag(&self) -> Tag {
        // All values are of ASCII here; letters beyond it are escaped for formats that hold nothing else.
        let json = serde_json::to_string(self).unwrap_or_default();
        let mut value = String::with_capacity(json.len());
        for letter in json.chars() {
            if letter.is_ascii() {
                value.push(letter);
            } else {
                let mut units = [0; 2];
                letter.encode_utf16(&mut units).iter().for_each(|unit| value.push_str(&format!("\\u{unit:04x}")));
            }
        }
        Tag { key: AIGC_KEY.to_owned(), value }
    }

    /// The label among a file's tags.
    pub fn find(tags: &[Tag]) -> Option<Self> {
        tags.iter().filter(|tag| tag.key == AIGC_KEY).find_map(|tag| serde_json::from_str(&tag.value).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_has_the_keys_that_the_standard_names() {
        let origin = Origin { model: "nano".into(), recipe: "a red ball".into(), language: Language::English };
        let tag = origin.aigc().tag();
        let value: serde_json::Value = serde_json::from_str(&tag.value).unwrap();
        let mut keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let mut expected = [
            "Label",
            "ContentProducer",
            "ProduceID",
            "ReservedCode1",
            "ContentPropagator",
            "PropagateID",
            "ReservedCode2",
        ];
        expected.sort_unstable();
        assert_eq!((tag.key.as_str(), keys), ("AIGC", expected.to_vec()));
        assert_eq!(AigcLabel::find(&[tag]), Some(origin.aigc()));
        let foreign = AigcLabel { content_producer: "映空".into(), ..origin.aigc() };
        assert!(foreign.tag().value.is_ascii());
        assert_eq!(AigcLabel::find(&[foreign.tag()]), Some(foreign));
    }

    #[test]
    fn chinese_prompts_get_chinese_labels() {
        assert_eq!(Language::of("一个红色的球"), Language::Chinese);
        assert_eq!(Language::of("a red ball, ünïcode"), Language::English);
    }
}
