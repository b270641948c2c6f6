//! What all configurations share.

use std::collections::BTreeMap;

use serde_json::Value;

/// Refuses settings that misora does not know: they may change what a model computes.
///
/// Names with an underscore in front are notes of the program that wrote the file, and nothing is said by null.
pub(crate) fn refuse_unknown(rest: &BTreeMap<String, Value>) -> Result<(), String> {
    match rest.iter().find(|(name, value)| !name.starts_with('_') && !value.is_null()) {
        None => Ok(()),
        Some((name, value)) => {
            Err(format!("misora does not know the setting {name} ({value}), and cannot leave it out"))
        }
    }
}
