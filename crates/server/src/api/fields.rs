//! What a request says, as a form or as JSON. Each field is taken once, and what nobody takes is an error.

use std::{collections::BTreeMap, str::FromStr};

use axum::{
    body::to_bytes,
    extract::{FromRequest, Multipart, Request, multipart::Field},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::{error::ApiError, state::Shared, upload};

const MOST_FIELDS: usize = 64;

/// What a request says.
pub(crate) struct Fields {
    values: Map<String, Value>,
    files: BTreeMap<String, NamedTempFile>,
    /// What was said, files too, in short.
    print: Sha256,
}

impl Fields {
    /// Reads a form or JSON.
    pub(crate) async fn read(app: &Shared, request: Request) -> Result<Self, ApiError> {
        let kind =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let path = request.uri().path().to_owned();
        let mut fields = Self { values: Map::new(), files: BTreeMap::new(), print: Sha256::new_with_prefix(path) };
        if kind.starts_with("multipart/form-data") {
            let mut form = Multipart::from_request(request, &()).await.map_err(|error| broken(&error))?;
            while let Some(field) = form.next_field().await.map_err(|error| broken(&error))? {
                fields.add(app, field).await?;
            }
            fields.print.update(Value::Object(fields.values.clone()).to_string());
        } else if kind.is_empty() || kind.starts_with("application/json") {
            let bytes = to_bytes(request.into_body(), app.limits.text_bytes).await.map_err(|error| broken(&error))?;
            let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
                ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", format!("the body is not JSON: {error}"))
            })?;
            let Value::Object(values) = value else {
                let message = "the body is JSON, but not an object".to_owned();
                return Err(ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", message));
            };
            fields.print.update(Value::Object(values.clone()).to_string());
            // Whoever says nothing of a field may write so.
            fields.values = values.into_iter().filter(|(_, value)| !value.is_null()).collect();
        } else {
            let message = "send multipart/form-data or application/json".to_owned();
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
        }
        Ok(fields)
    }

    async fn add(&mut self, app: &Shared, field: Field<'_>) -> Result<(), ApiError> {
        let name = field.name().unwrap_or_default().to_owned();
        let (outer, inner) = match name.split_once('[') {
            Some((outer, inner)) => (outer.to_owned(), inner.strip_suffix(']').map(str::to_owned)),
            None => (name.clone(), None),
        };
        let twice = || ApiError::field(&name, "it was sent twice");
        if self.values.len() + self.files.len() >= MOST_FIELDS {
            return Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "too_many_fields",
                "the form has too many fields".into(),
            ));
        }
        if field.file_name().is_some() {
            let (file, print) = upload::receive(app, field).await?;
            self.print.update(name.as_bytes());
            self.print.update(print);
            return if self.files.insert(name.clone(), file).is_some() { Err(twice()) } else { Ok(()) };
        }
        let text = text(field, app.limits.text_bytes).await?;
        match inner {
            None => match self.values.insert(outer, Value::String(text)) {
                Some(_) => Err(twice()),
                None => Ok(()),
            },
            Some(inner) => match self.values.entry(outer).or_insert_with(|| Value::Object(Map::new())) {
                Value::Object(object) => match object.insert(inner, Value::String(text)) {
                    Some(_) => Err(twice()),
                    None => Ok(()),
                },
                _ => Err(twice()),
            },
        }
    }

    /// What was said, in short: the same for the same request.
    pub(crate) fn print(&self) -> String {
        crate::id::hex(&self.print.clone().finalize())
    }

    /// Takes a text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, ApiError> {
        match self.values.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(ApiError::field(name, format!("it is a text, not {}", shortened(&other)))),
        }
    }

    /// Takes a text that must be there.
    pub(crate) fn needed_text(&mut self, name: &str) -> Result<String, ApiError> {
        self.text(name)?.ok_or_else(|| missing(name))
    }

    /// Takes a number or a word, written with or without quotes.
    pub(crate) fn parsed<T: FromStr>(&mut self, name: &str, what: &str) -> Result<Option<T>, ApiError> {
        let text = match self.values.remove(name) {
            None => return Ok(None),
            Some(Value::String(text)) => text,
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.to_string(),
            Some(other) => return Err(ApiError::field(name, format!("it is {what}, not {}", shortened(&other)))),
        };
        let parsed = text.trim().parse().map(Some);
        parsed.map_err(|_| ApiError::field(name, format!("it is {what}, not {}", shortened(&Value::String(text)))))
    }

    /// Takes a file.
    pub(crate) fn file(&mut self, name: &str) -> Option<NamedTempFile> {
        self.files.remove(name)
    }

    /// Takes an object whose members are texts.
    pub(crate) fn object(&mut self, name: &str) -> Result<Option<Self>, ApiError> {
        let values = match self.values.remove(name) {
            None => return Ok(None),
            // A form may hold an object as JSON.
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            Some(value) => value,
        };
        match values {
            Value::Object(values) => Ok(Some(Self { values, files: BTreeMap::new(), print: Sha256::new() })),
            other => Err(ApiError::field(name, format!("it is a file or an object, not {}", shortened(&other)))),
        }
    }

    /// Takes texts: a list, or one text with a line for each.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, ApiError> {
        let lines =
            |text: &str| text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        match self.values.remove(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(lines(&text)),
            Some(value) => serde_json::from_value(value)
                .map_err(|_| ApiError::field(name, "it is a text, or a list of texts in JSON")),
        }
    }

    /// Takes something of a known shape; a form holds it as JSON.
    pub(crate) fn shaped<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, ApiError> {
        let Some(value) = self.values.remove(name) else { return Ok(None) };
        let shaped = match value {
            Value::String(text) => serde_json::from_str(&text),
            value => serde_json::from_value(value),
        };
        shaped.map(Some).map_err(|error| ApiError::field(name, error.to_string()))
    }

    /// Says a text where nothing was said.
    pub(crate) fn suggest(&mut self, name: &str, text: String) {
        self.values.entry(name).or_insert(Value::String(text));
    }

    /// Nothing else may have been said.
    pub(crate) fn finish(self) -> Result<(), ApiError> {
        match self.values.keys().chain(self.files.keys()).next() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().take(80).collect();
                Err(ApiError::field(&shown, "there is no such field here; /openapi.json says which there are")
                    .coded("unknown_parameter"))
            }
        }
    }
}

/// A field that must be there and is not.
pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::field(name, "it is missing").coded("missing_required_parameter")
}

async fn text(mut field: Field<'_>, most: usize) -> Result<String, ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| broken(&error))? {
        if bytes.len() + chunk.len() > most {
            return Err(ApiError::field(&name, format!("a text may have at most {most} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| ApiError::field(&name, "it is not text in UTF-8"))
}

/// A body that ended too early, or is not what it says.
pub(super) fn broken(error: &dyn std::error::Error) -> ApiError {
    let message = format!("the body is cut short or not what it says: {error}");
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_body", message)
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() > 60 { text.chars().take(60).chain(['…']).collect() } else { text }
}
