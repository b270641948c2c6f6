//! Where files lie: a folder of this machine, or a bucket that many machines share.

use std::{
    fs,
    path::{Path as Folder, PathBuf},
    sync::Arc,
    time::Duration,
};

use object_store::{
    ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use url::Url;

use crate::ServerError;

/// How long a bucket that does not answer is asked again, for one part of one file.
const PATIENCE: Duration = Duration::from_secs(20);

/// Where files lie.
pub(crate) struct Place {
    /// As somebody named it.
    pub(super) name: String,
    pub(super) store: Arc<dyn ObjectStore>,
    /// The folder, where it is one.
    pub(super) folder: Option<PathBuf>,
}

impl Place {
    /// A folder, made where there is none; only its owner may look into it.
    pub(crate) fn folder(folder: &Folder) -> Result<Self, ServerError> {
        make_folder(folder)?;
        let name = folder.to_string_lossy().into_owned();
        let folder = fs::canonicalize(folder).map_err(ServerError::data(folder))?;
        let store = LocalFileSystem::new_with_prefix(&folder).map_err(|error| wrong(&name, &error))?;
        Ok(Self { name, store: Arc::new(store), folder: Some(folder) })
    }

    /// `s3://BUCKET/PREFIX`, with keys, region and endpoint of `AWS_*` variables; anything else is a folder.
    pub(crate) fn named(name: &str) -> Result<Self, ServerError> {
        let Some((scheme, rest)) = name.split_once("://") else { return Self::folder(Folder::new(name)) };
        match scheme {
            "file" => Self::folder(Folder::new(rest)),
            "s3" => bucket(name),
            other => Err(wrong(name, &format!("{other}:// is not known"))),
        }
    }
}

fn bucket(name: &str) -> Result<Place, ServerError> {
    let url = Url::parse(name).map_err(|error| wrong(name, &error))?;
    let builder = AmazonS3Builder::from_env().with_url(name);
    // Whoever names an endpoint without TLS means it.
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint).unwrap_or_default();
    let builder = builder.with_allow_http(endpoint.starts_with("http://"));
    let builder = builder.with_retry(RetryConfig { retry_timeout: PATIENCE, ..RetryConfig::default() });
    let store = builder.build().map_err(|error| wrong(name, &error))?;
    let prefix = Path::parse(url.path().trim_matches('/')).map_err(|error| wrong(name, &error))?;
    Ok(Place { name: name.to_owned(), store: Arc::new(PrefixStore::new(store, prefix)), folder: None })
}

/// Makes a folder that only its owner may look into.
pub(crate) fn make_folder(path: &Folder) -> Result<(), ServerError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(ServerError::data(path))
}

pub(super) fn wrong(place: &str, problem: &dyn std::fmt::Display) -> ServerError {
    // A store's own answer may have several lines.
    let problem = problem.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    ServerError::FilesPlace { place: place.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_folders_or_buckets() {
        let folder = tempfile::tempdir().unwrap();
        let name = folder.path().join("new").to_string_lossy().into_owned();
        assert!(Place::named(&name).unwrap().folder.is_some());
        assert!(Place::named(&format!("file://{name}")).unwrap().folder.is_some());
        assert!(Place::named("s3://videos/misora").unwrap().folder.is_none());
        for wrong in ["ftp://here", "s3://", "s3://videos/a//b"] {
            assert!(Place::named(wrong).is_err(), "{wrong}");
        }
    }
}
