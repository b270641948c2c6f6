//! The repository's files, as git sees them or made up for a test.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// Files above this many bytes are listed, but their contents are not looked at.
const MAX_CONTENT_BYTES: u64 = 64 << 20;

/// Folders that are never part of the repository, for a copy of it without git.
const NEVER_TRACKED: [&str; 4] = [".git", "target", "runs", "node_modules"];

/// Paths (with `/`, relative to the root) and contents of all files that git tracks or would track.
#[derive(Clone, Debug, Default)]
pub struct Repository {
    files: BTreeMap<String, Vec<u8>>,
}

impl Repository {
    /// Reads the repository that this program was built in.
    ///
    /// # Errors
    /// When the root folder cannot be found or read.
    pub fn open_workspace() -> anyhow::Result<Self> {
        let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self::open(manifest_dir.parent().context("xtask lies in no folder")?)
    }

    /// Reads all files below `root` that git tracks, and those that it would if they were added.
    ///
    /// Without git, or outside a git checkout (a source archive), all files but build outputs are taken.
    ///
    /// # Errors
    /// When `root` is no workspace or a file cannot be read.
    pub fn open(root: &Path) -> anyhow::Result<Self> {
        ensure!(
            root.join("Cargo.toml").is_file(),
            "{} holds no Cargo.toml; give the folder of the workspace",
            root.display()
        );
        let paths = match git_files(root) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        let mut files = BTreeMap::new();
        for path in paths {
            let on_disk = root.join(&path);
            // Deleted but not yet committed, or a link: neither is a file to check.
            let Ok(metadata) = fs::symlink_metadata(&on_disk) else { continue };
            if metadata.is_file() {
                let small = metadata.len() <= MAX_CONTENT_BYTES;
                let content = if small {
                    fs::read(&on_disk).with_context(|| format!("reading {}", on_disk.display()))?
                } else {
                    Vec::new()
                };
                files.insert(path, content);
            }
        }
        Ok(Self { files })
    }

    /// A made-up repository, to try a check on.
    pub fn from_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self { files: files.into_iter().map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).collect() }
    }

    /// Every file's path and bytes, in order of path.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// Path and text of every file with this extension that is UTF-8.
    pub fn texts<'a>(&'a self, extension: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files()
            .filter(move |(path, _)| Path::new(path).extension().is_some_and(|found| found == extension))
            .filter_map(|(path, bytes)| Some((path, std::str::from_utf8(bytes).ok()?)))
    }

    /// The text of one file, if it is there and UTF-8.
    pub fn text(&self, path: &str) -> Option<&str> {
        std::str::from_utf8(self.files.get(path)?).ok()
    }

    /// Whether `path` is a file, or a folder with at least one file in it; the empty path is the root.
    pub fn contains(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.files.contains_key(path) || self.files.keys().any(|file| file.starts_with(&folder))
    }

    /// Folders of the workspace's crates: those below `crates/`, and `xtask`.
    pub fn crate_folders(&self) -> impl Iterator<Item = &str> {
        self.files.keys().filter_map(|path| {
            let folder = path.strip_suffix("/Cargo.toml")?;
            let name = folder.strip_prefix("crates/").unwrap_or(folder);
            (!name.contains('/') && (folder.starts_with("crates/") || folder == "xtask")).then_some(folder)
        })
    }
}

/// Tracked and not ignored files, or `None` when git or its folder is missing.
fn git_files(root: &Path) -> Option<Vec<String>> {
    if !root.join(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .ok()?;
    let listing = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(listing).ok()?.split_terminator('\0').map(str::to_owned).collect())
}

fn walk(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(root.join(&folder)).with_context(|| format!("listing {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let path = folder.join(&name);
            if entry.file_type()?.is_dir() {
                if !NEVER_TRACKED.iter().any(|never| name == *never) {
                    folders.push(path);
                }
            } else {
                found.push(path.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_files_folders_and_crates() {
        let repository = Repository::from_files([
            ("Cargo.toml", ""),
            ("crates/video/Cargo.toml", ""),
            ("crates/video/tests/data/Cargo.toml", ""),
            ("xtask/Cargo.toml", ""),
            ("docs/a.md", "text"),
        ]);
        assert_eq!(repository.crate_folders().collect::<Vec<_>>(), ["crates/video", "xtask"]);
        assert!(repository.contains("docs") && repository.contains("docs/a.md") && repository.contains(""));
        assert!(!repository.contains("doc") && !repository.contains("docs/b.md"));
        assert_eq!(repository.texts("md").collect::<Vec<_>>(), [("docs/a.md", "text")]);
    }

    #[test]
    fn a_copy_without_git_is_walked() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut walked = walk(root).unwrap();
        walked.sort();
        assert!(walked.contains(&"src/repository.rs".to_owned()), "{walked:?}");
    }
}
