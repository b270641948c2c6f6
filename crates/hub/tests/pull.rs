//! Models by name, against a small hub on this machine that can cut connections and lie.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod fake;

use std::path::{Path, PathBuf};

use fake::{FakeHub, Trouble};
use hub::{Hub, HubError, ModelCache, ModelName, PullProgress};

const WEIGHTS: &str = "transformer/diffusion_pytorch_model.safetensors";

#[derive(Default)]
struct Heard {
    files: Vec<(String, u64, u64)>,
    bytes: u64,
}

impl PullProgress for Heard {
    fn file(&mut self, name: &str, done: u64, total: u64) {
        self.files.push((name.to_owned(), done, total));
    }

    fn bytes(&mut self, more: u64) {
        self.bytes += more;
    }
}

fn weights() -> Vec<u8> {
    (0..200_000_u32).map(|i| (i * 7 % 251) as u8).collect()
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("model_index.json", b"{}".to_vec()),
        ("transformer/config.json", b"{\"a\": 1}".to_vec()),
        (WEIGHTS, weights()),
        ("assets/picture.png", vec![1; 5000]),
    ]
}

fn name() -> ModelName {
    "owner/model".parse().unwrap()
}

fn pull(server: &FakeHub, cache: &Path) -> (Result<PathBuf, HubError>, Heard) {
    let mut heard = Heard::default();
    let result = Hub::new(ModelCache::at(cache), server.endpoint()).pull(&name(), &mut heard);
    (result, heard)
}

#[test]
fn a_model_is_fetched_once_and_found_by_its_name() {
    let (server, cache) = (FakeHub::start(files()), tempfile::tempdir().unwrap());
    let (folder, heard) = pull(&server, cache.path());
    let folder = folder.unwrap();
    assert_eq!(std::fs::read(folder.join(WEIGHTS)).unwrap(), weights());
    assert!(!folder.join("assets").exists(), "pictures are not part of a model");
    assert_eq!(heard.files.last().unwrap().0, "model_index.json", "the manifest comes last");
    assert!(heard.files.iter().all(|(_, _, total)| *total == 200_010), "{:?}", heard.files);
    assert_eq!(heard.bytes, 200_010);

    let models = ModelCache::at(cache.path());
    assert_eq!(models.find(&name()), Some(folder.clone()));
    let listed = models.list().unwrap();
    assert_eq!((listed.len(), &listed[0].name, &listed[0].folder), (1, &name(), &folder));
    let commit: ModelName = format!("owner/model@{}", fake::COMMIT).parse().unwrap();
    assert_eq!(models.find(&commit), Some(folder));

    let before = server.downloads().len();
    let (again, _) = pull(&server, cache.path());
    assert!(again.is_ok());
    assert_eq!(server.downloads().len(), before, "what is here is not fetched again");
}

#[test]
fn a_broken_connection_is_taken_up_where_it_broke() {
    let (server, cache) = (FakeHub::start(files()), tempfile::tempdir().unwrap());
    server.make(Trouble::CutOnce { after: 70_000 });
    let (folder, _) = pull(&server, cache.path());
    assert_eq!(std::fs::read(folder.unwrap().join(WEIGHTS)).unwrap(), weights());
    let starts: Vec<u64> = server.downloads().iter().filter(|(file, _)| file == WEIGHTS).map(|(_, at)| *at).collect();
    assert!(starts.contains(&70_000), "{starts:?}");
}

#[test]
fn a_pull_that_failed_goes_on_at_the_next_call() {
    let (server, cache) = (FakeHub::start(files()), tempfile::tempdir().unwrap());
    server.make(Trouble::CutAlways { after: 50_000 });
    let (failed, _) = pull(&server, cache.path());
    let error = failed.unwrap_err().to_string();
    assert!(error.contains("cannot reach") && error.contains("owner/model"), "{error}");
    assert_eq!(ModelCache::at(cache.path()).find(&name()), None, "half a model is not a model");
    let before = server.downloads().len();
    server.make(Trouble::None);
    let (folder, _) = pull(&server, cache.path());
    assert_eq!(std::fs::read(folder.unwrap().join(WEIGHTS)).unwrap(), weights());
    let start = server.downloads()[before..].iter().find(|(file, _)| file == WEIGHTS).unwrap().1;
    assert!(start >= 50_000, "began again at {start}");
}

#[test]
fn damage_on_the_disk_is_found() {
    let (server, cache) = (FakeHub::start(files()), tempfile::tempdir().unwrap());
    let folder = pull(&server, cache.path()).0.unwrap();
    let models = ModelCache::at(cache.path());
    let mut read = 0;
    assert_eq!(models.verify(&folder, &mut |bytes| read += bytes).unwrap(), 200_000);
    assert_eq!(read, 200_000);
    let blob = folder.join(WEIGHTS).canonicalize().unwrap();
    let mut bytes = weights();
    bytes[1234] ^= 1;
    std::fs::write(blob, bytes).unwrap();
    let error = models.verify(&folder, &mut |_| ()).unwrap_err().to_string();
    assert!(error.contains(WEIGHTS) && error.contains("SHA-256") && error.contains("pull the model again"), "{error}");
}

#[test]
fn what_cannot_be_had_is_explained() {
    let cache = tempfile::tempdir().unwrap();
    let mut heard = Heard::default();
    let mut error = |hub: Hub, name: &str| hub.pull(&name.parse().unwrap(), &mut heard).unwrap_err().to_string();
    let server = FakeHub::start(files());
    let hub = || Hub::new(ModelCache::at(cache.path()), server.endpoint());
    let unknown = error(hub(), "owner/unknown");
    assert!(unknown.contains("404") && unknown.contains("HF_TOKEN"), "{unknown}");

    // A port where nobody listens.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = error(Hub::new(ModelCache::at(cache.path()), format!("http://{closed}")), "owner/model");
    assert!(closed.contains("cannot reach") && closed.contains("give its folder"), "{closed}");

    let offline = error(hub().offline(), "owner/model");
    assert!(offline.contains("HF_HUB_OFFLINE"), "{offline}");

    let words = FakeHub::start(vec![("README.md", b"words".to_vec())]);
    let words = error(Hub::new(ModelCache::at(cache.path()), words.endpoint()), "owner/model");
    assert!(words.contains("model_index.json"), "{words}");

    let escaping = FakeHub::start(vec![("model_index.json", b"{}".to_vec()), ("../../x.json", b"{}".to_vec())]);
    let escaping = error(Hub::new(ModelCache::at(cache.path()), escaping.endpoint()), "owner/model");
    assert!(escaping.contains("../../x.json"), "{escaping}");

    server.make(Trouble::ClaimSize { bytes: 1 << 60 });
    let full = error(hub(), "owner/model");
    assert!(full.contains("has room for") && full.contains("HF_HUB_CACHE"), "{full}");
}
