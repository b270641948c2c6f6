//! Who may call: everybody on this machine where there are no keys, and otherwise whoever has one.

use std::time::Instant;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    api::{error::ApiError, state::Shared},
    keys,
};

/// Who calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// Owner of the jobs that they may see.
    pub(crate) owner: String,
    /// Videos that they may make in a day.
    pub(crate) daily_quota: Option<u32>,
}

/// Paths that tell nothing, and so need no key.
const OPEN: [&str; 4] = ["/", "/health", "/v1/health", "/openapi.json"];

/// Lets callers in, or says why not.
pub(crate) async fn admit(State(app): State<Shared>, mut request: Request, next: Next) -> Response {
    let caller = match admitted(&app, request.headers(), request.uri()).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    request.extensions_mut().insert(caller);
    next.run(request).await
}

async fn admitted(app: &Shared, headers: &HeaderMap, uri: &Uri) -> Result<Caller, ApiError> {
    let has_keys = app.ask(|app| Ok(!app.store.keys()?.is_empty())).await?;
    if !has_keys {
        if !app.is_local {
            return Err(ApiError::new(StatusCode::UNAUTHORIZED, "no_keys", "every key was revoked".to_owned()));
        }
        return same_machine(headers, uri).map(|()| Caller::default());
    }
    if OPEN.contains(&uri.path()) {
        return Ok(Caller::default());
    }
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let unknown = || {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "invalid_api_key",
            "this server needs a key that it knows: send it as `Authorization: Bearer KEY`".to_owned(),
        )
    };
    let hash = keys::hash(given.ok_or_else(unknown)?.trim());
    let key = app.ask(move |app| app.store.key(&hash)).await?.ok_or_else(unknown)?;
    match app.rates.call(&key, Instant::now()) {
        Ok(()) => Ok(Caller { owner: key.id, daily_quota: key.videos_per_day }),
        Err(seconds) => {
            let message = format!("this key may call {} times a minute; wait {seconds} s", key.requests_per_minute);
            Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limit_exceeded", message).retry_after(seconds))
        }
    }
}

/// Without keys, other people's web pages must not call in the name of whoever looks at them, nor by a name of their own
/// that leads here.
fn same_machine(headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let forbidden = |code, message: &str| ApiError::new(StatusCode::FORBIDDEN, code, message.to_owned());
    let text = |name: header::HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = text(header::HOST).or(uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
    let name = host
        .rsplit_once(':')
        .map_or(host, |(name, port)| if port.bytes().all(|byte| byte.is_ascii_digit()) { name } else { host });
    if !matches!(name, "localhost" | "[::1]") && !name.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback()) {
        return Err(forbidden("wrong_host", "without keys this server answers to localhost and 127.0.0.1 only"));
    }
    match text(header::ORIGIN) {
        Some(origin) if origin.split_once("://").map(|(_, from)| from) != Some(host) => {
            Err(forbidden("wrong_origin", "without keys no other web page may call this server"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_and_names_of_this_machine_pass() {
        let check = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            origin.into_iter().for_each(|origin| drop(headers.insert(header::ORIGIN, origin.parse().unwrap())));
            same_machine(&headers, &Uri::from_static("/")).is_ok()
        };
        for host in ["127.0.0.1:8080", "localhost:8080", "localhost", "[::1]:8080", "127.0.0.1"] {
            assert!(check(host, None), "{host}");
        }
        assert!(check("localhost:8080", Some("http://localhost:8080")));
        for (host, origin) in [
            ("evil.example", None),
            ("evil.example:8080", None),
            ("127.0.0.1.evil.example", None),
            ("localhost:8080", Some("http://evil.example")),
            ("localhost:8080", Some("http://localhost:3000")),
            ("localhost:8080", Some("null")),
            ("", None),
        ] {
            assert!(!check(host, origin), "{host} {origin:?}");
        }
    }
}
