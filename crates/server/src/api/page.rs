//! The studio, as it was built: a page, its style, its program, and its picture for a tab.

use std::{io::Write, sync::LazyLock};

use axum::{
    Router,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::get,
};
use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

use super::state::Shared;

/// Where the parts of the page are.
pub(crate) const PATHS: [&str; 4] = ["/", "/studio.css", "/studio.js", "/icon.svg"];

/// Only what came with the page may run, and only this server may be asked.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; \
     media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);
const DIGITS_OF_TAG: usize = 16;

/// A part of the page, as it is sent.
struct Part {
    content_type: &'static str,
    plain: &'static [u8],
    gzip: Vec<u8>,
    tag: String,
}

/// In the order of [`PATHS`].
static PARTS: LazyLock<[Part; 4]> = LazyLock::new(|| {
    [
        Part::new("text/html; charset=utf-8", include_bytes!("../page/index.html")),
        Part::new("text/css; charset=utf-8", include_bytes!("../page/studio.css")),
        Part::new("text/javascript; charset=utf-8", include_bytes!("../page/studio.js")),
        Part::new("image/svg+xml", include_bytes!("../page/icon.svg")),
    ]
});

impl Part {
    fn new(content_type: &'static str, plain: &'static [u8]) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        // What cannot be packed is sent as it is.
        let gzip = encoder.write_all(plain).and_then(|()| encoder.finish()).unwrap_or_default();
        let tag = crate::id::hex(&Sha256::digest(plain));
        Self { content_type, plain, gzip, tag: format!("W/\"{}\"", &tag[..DIGITS_OF_TAG]) }
    }

    fn answer(&'static self, asked: &HeaderMap) -> Response {
        let names = |name: HeaderName, wanted: &str| {
            let values = asked.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            values.split(',').any(|value| value.trim() == wanted)
        };
        let is_known = names(header::IF_NONE_MATCH, &self.tag);
        let is_packed = !self.gzip.is_empty() && names(header::ACCEPT_ENCODING, "gzip");
        let mut response = match (is_known, is_packed) {
            (true, _) => StatusCode::NOT_MODIFIED.into_response(),
            (false, true) => ([(header::CONTENT_ENCODING, "gzip")], self.gzip.as_slice()).into_response(),
            (false, false) => self.plain.into_response(),
        };
        let told = response.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        told.insert(header::CONTENT_SECURITY_POLICY, POLICY);
        told.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        told.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // Another version may lie at the same place tomorrow: it is asked for each time, and seldom sent.
        told.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        told.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        if let Ok(tag) = HeaderValue::from_str(&self.tag) {
            told.insert(header::ETAG, tag);
        }
        response
    }
}

/// The page and its parts.
pub(crate) fn routes() -> Router<Shared> {
    PATHS.into_iter().fold(Router::new(), |router, path| router.route(path, get(part)))
}

async fn part(uri: Uri, headers: HeaderMap) -> Response {
    let place = PATHS.iter().position(|path| *path == uri.path());
    place.map_or_else(|| StatusCode::NOT_FOUND.into_response(), |place| PARTS[place].answer(&headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = PARTS.iter().map(|part| part.gzip.len()).sum();
        assert!((1000..300_000).contains(&bytes), "{bytes} bytes packed");
        for (path, part) in PATHS.iter().zip(PARTS.iter()).skip(1) {
            let page = String::from_utf8_lossy(PARTS[0].plain);
            assert!(page.contains(&format!("\"{path}\"")), "the page does not name {path}");
            assert!(!part.plain.is_empty());
        }
    }
}
