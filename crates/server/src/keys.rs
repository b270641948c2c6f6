//! Who may call, how often, and how many videos they may make.
//!
//! A key is 32 random bytes, so that one pass of SHA-256 is enough to keep it unknown to whoever reads the store.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Instant,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::RngCore;
use sha2::{Digest, Sha256};

use crate::{
    ServerError,
    files::Files,
    jobs::{KeyStore, SqliteStore, now},
};

const PREFIX: &str = "msk_";
const LONGEST_NAME: usize = 64;

/// A key that cannot be made or taken back.
#[derive(Debug, thiserror::Error)]
pub enum KeyProblem {
    /// A name that none can have.
    #[error("a key's name has 1 to {LONGEST_NAME} characters and no control characters")]
    Name,
    /// A second key of one name.
    #[error("there is a key called {0:?} already; choose another name, or revoke that one")]
    Taken(String),
    /// No key of this name.
    #[error("there is no key called {0:?}")]
    Unknown(String),
}

/// A key as it is kept: never itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredKey {
    /// Names the owner of jobs.
    pub id: String,
    /// For people.
    pub name: String,
    /// SHA-256 of the key.
    pub hash: [u8; 32],
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
    /// How often it may call.
    pub requests_per_minute: u32,
    /// How many videos it may make; any number where nothing is said.
    pub videos_per_day: Option<u32>,
}

/// How much a new key may do.
#[derive(Clone, Copy, Debug)]
pub struct KeyLimits {
    /// How often it may call.
    pub requests_per_minute: u32,
    /// How many videos it may make; any number where nothing is said.
    pub videos_per_day: Option<u32>,
}

/// The keys of a data folder, whether a server works on it or not.
pub struct Keys(SqliteStore);

impl Keys {
    /// Opens a data folder, and makes it where there is none.
    ///
    /// # Errors
    /// [`ServerError`] when the folder or its store refuses.
    pub fn open(data: &Path) -> Result<Self, ServerError> {
        Files::make_folder(data)?;
        Ok(Self(SqliteStore::open(&data.join(crate::serve::STORE_NAME))?))
    }

    /// Makes a key and gives it, for the only time.
    ///
    /// # Errors
    /// [`KeyProblem`], or that of the store.
    pub fn add(&self, name: &str, limits: KeyLimits) -> Result<String, ServerError> {
        if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Err(KeyProblem::Name.into());
        }
        let mut bytes = [0_u8; 32];
        rand::rng().fill_bytes(&mut bytes);
        let key = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        let mut id = [0_u8; 8];
        rand::rng().fill_bytes(&mut id);
        self.0.add_key(&StoredKey {
            id: format!("key_{}", crate::id::hex(&id)),
            name: name.to_owned(),
            hash: hash(&key),
            created_at: now(),
            requests_per_minute: limits.requests_per_minute,
            videos_per_day: limits.videos_per_day,
        })?;
        Ok(key)
    }

    /// All keys, by name.
    ///
    /// # Errors
    /// That of the store.
    pub fn list(&self) -> Result<Vec<StoredKey>, ServerError> {
        self.0.keys()
    }

    /// Takes a key back, at once.
    ///
    /// # Errors
    /// [`KeyProblem::Unknown`], or that of the store.
    pub fn revoke(&self, name: &str) -> Result<(), ServerError> {
        if self.0.revoke_key(name)? { Ok(()) } else { Err(KeyProblem::Unknown(name.to_owned()).into()) }
    }
}

/// SHA-256 of a key.
pub(crate) fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// How often each key has called of late: a bucket that fills evenly and holds a minute's worth.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, (f64, Instant)>>);

impl Rates {
    /// Counts a call.
    ///
    /// # Errors
    /// Seconds until the next one is allowed.
    pub(crate) fn call(&self, key: &StoredKey, at: Instant) -> Result<(), u64> {
        let most = f64::from(key.requests_per_minute.max(1));
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = buckets.get(&key.id).copied().unwrap_or((most, at));
        let left = (left + at.duration_since(since).as_secs_f64() * most / 60.0).min(most);
        let allowed = left >= 1.0;
        buckets.insert(key.id.clone(), (if allowed { left - 1.0 } else { left }, at));
        if allowed { Ok(()) } else { Err(((1.0 - left) * 60.0 / most).ceil() as u64) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_key_calls_as_often_as_it_may() {
        let key = StoredKey {
            id: "key_1".into(),
            name: "one".into(),
            hash: hash("x"),
            created_at: 0,
            requests_per_minute: 2,
            videos_per_day: None,
        };
        let (rates, begin) = (Rates::default(), Instant::now());
        assert_eq!(rates.call(&key, begin), Ok(()));
        assert_eq!(rates.call(&key, begin), Ok(()));
        assert_eq!(rates.call(&key, begin), Err(30));
        assert_eq!(rates.call(&key, begin + Duration::from_secs(15)), Err(15));
        assert_eq!(rates.call(&key, begin + Duration::from_secs(31)), Ok(()));
        assert!(rates.call(&StoredKey { id: "key_2".into(), ..key }, begin).is_ok());
    }

    #[test]
    fn keys_are_known_by_their_hash_alone() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::open(folder.path()).unwrap();
        let limits = KeyLimits { requests_per_minute: 60, videos_per_day: Some(5) };
        let key = keys.add("studio", limits).unwrap();
        assert!(keys.add("studio", limits).is_err() && keys.add(" ", limits).is_err());
        let kept = keys.list().unwrap();
        assert_eq!((kept.len(), kept[0].hash, kept[0].videos_per_day), (1, hash(&key), Some(5)));
        for file in folder.path().read_dir().unwrap() {
            let bytes = std::fs::read(file.unwrap().path()).unwrap();
            assert!(!bytes.windows(key.len()).any(|window| window == key.as_bytes()));
        }
        keys.revoke("studio").unwrap();
        assert!(keys.list().unwrap().is_empty() && keys.revoke("studio").is_err());
    }
}
