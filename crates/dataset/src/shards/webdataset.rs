//! Reading the WebDataset tar files of others, which have no index and no check sums.
//!
//! # Source
//! The WebDataset convention: files of a sample lie one after another and share their name up to the first dot.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde_json::Value;
use video::{Clip, FrameRate, ReadLimits};
use worlds::stage::Camera;

use super::{Caption, Detail, Metadata, Sample, index::BLOCK, npy};
use crate::{Damage, DamageReport, DatasetError, OnDamage};

const PICTURES: [&str; 8] = ["npy", "png", "jpg", "jpeg", "gif", "mp4", "webm", "mov"];

/// How files of others are read.
#[derive(Clone, Debug)]
pub struct WebDatasetSettings {
    /// What to do about shards that are cut or damaged.
    pub on_damage: OnDamage,
    /// A file within a shard that is larger than this is not read.
    pub max_member_bytes: u64,
    /// The frame rate that images and arrays get.
    pub frame_rate: FrameRate,
    /// How large pictures and films may be.
    pub limits: ReadLimits,
}

impl WebDatasetSettings {
    /// Files of up to 1 GiB, and pictures and films within the usual limits.
    pub fn new(on_damage: OnDamage, frame_rate: FrameRate) -> Self {
        Self { on_damage, max_member_bytes: 1 << 30, frame_rate, limits: ReadLimits::default() }
    }
}

/// Tar files with `.png`, `.jpg`, `.gif`, `.mp4` or `.npy`, and `.txt` or `.json` beside them.
#[derive(Debug)]
pub struct WebDataset {
    settings: WebDatasetSettings,
    shards: Vec<PathBuf>,
    places: Vec<Place>,
    report: DamageReport,
}

/// A sample's files.
#[derive(Debug)]
struct Place {
    shard: usize,
    key: String,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    extension: String,
    offset: u64,
    bytes: u64,
}

impl WebDataset {
    /// Looks through one tar file, or all `.tar` files of a folder in the order of their names.
    ///
    /// # Errors
    /// [`DatasetError::Damaged`] for a cut or damaged shard with [`OnDamage::Refuse`]; [`DatasetError::Io`].
    pub fn open(path: &Path, settings: WebDatasetSettings) -> Result<Self, DatasetError> {
        let mut shards = Vec::new();
        if path.is_dir() {
            for entry in fs::read_dir(path).map_err(DatasetError::io("list", path))? {
                let path = entry.map_err(DatasetError::io("list", path))?.path();
                if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar")) {
                    shards.push(path);
                }
            }
            shards.sort();
        } else {
            shards.push(path.to_owned());
        }
        let mut dataset = Self { settings, shards, places: Vec::new(), report: DamageReport::default() };
        for shard in 0..dataset.shards.len() {
            dataset.index_shard(shard)?;
        }
        Ok(dataset)
    }

    /// Number of samples that have pictures.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// There is no sample.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What was left out.
    pub fn report(&self) -> &DamageReport {
        &self.report
    }

    /// What the files of a sample have in common.
    pub fn key(&self, index: usize) -> Option<&str> {
        self.places.get(index).map(|place| place.key.as_str())
    }

    /// Reads one sample.
    ///
    /// # Errors
    /// [`DatasetError::NoSuchSample`]; [`DatasetError::Damaged`] when a file of it cannot be understood;
    /// [`DatasetError::Io`].
    pub fn get(&self, index: usize) -> Result<Sample, DatasetError> {
        let place = self.places.get(index).ok_or(DatasetError::NoSuchSample { index, len: self.places.len() })?;
        let path = &self.shards[place.shard];
        let damaged = |reason: String| {
            DatasetError::Damaged(Damage {
                sample: Some(place.key.clone()),
                samples_lost: 1,
                ..shard_damage(path, reason)
            })
        };
        let read = |member: &Member| {
            let mut contents = vec![0; member.bytes as usize];
            let mut file = File::open(path).map_err(DatasetError::io("open", path))?;
            let read = file.seek(SeekFrom::Start(member.offset)).and_then(|_| file.read_exact(&mut contents));
            read.map_err(DatasetError::io("read", path))?;
            Ok::<_, DatasetError>(contents)
        };
        let find = |extension: &str| place.members.iter().find(|member| member.extension == extension);

        let mut sample = Described::default();
        if let Some(member) = find("json") {
            let json = serde_json::from_slice(&read(member)?)
                .map_err(|error| damaged(format!("its .json cannot be read: {error}")))?;
            sample.read_json(json);
        }
        if let Some(member) = find("txt") {
            let text = String::from_utf8(read(member)?).map_err(|_| damaged("its .txt is not UTF-8".into()))?;
            sample.captions.insert(0, caption(text.trim()));
        }
        let pictures = PICTURES.iter().find_map(|extension| find(extension));
        let pictures = pictures.ok_or_else(|| damaged("it has no pictures".into()))?;
        let frame_rate = sample.frame_rate.unwrap_or(self.settings.frame_rate);
        let bytes = read(pictures)?;
        let clip = match pictures.extension.as_str() {
            "npy" => npy::decode(&bytes, frame_rate).map_err(damaged)?,
            extension => self.decode(extension, &bytes, frame_rate, damaged)?,
        };
        let Described { captions, labels, seed, camera, .. } = sample;
        let camera = camera.filter(|camera| camera.len() == clip.frames().len());
        Ok(Sample { clip, captions, labels, seed, camera })
    }

    /// Reads pictures through a file of their own, as their readers ask for one.
    fn decode(
        &self,
        extension: &str,
        bytes: &[u8],
        frame_rate: FrameRate,
        damaged: impl FnOnce(String) -> DatasetError,
    ) -> Result<Clip, DatasetError> {
        let failed = |source| DatasetError::Io { action: "write", path: std::env::temp_dir(), source };
        let mut file = tempfile::Builder::new().suffix(&format!(".{extension}")).tempfile().map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.flush().map_err(failed)?;
        let clip = match video::read_clip(file.path(), &self.settings.limits) {
            Ok(clip) => clip,
            // Says nothing about the sample: it may be whole.
            Err(error @ video::VideoError::FfmpegMissing { .. }) => return Err(error.into()),
            Err(error) => {
                let path = file.path().display().to_string();
                return Err(damaged(error.to_string().replace(&path, &format!("its .{extension}"))));
            }
        };
        if clip.frames().len() == 1 {
            return Ok(Clip::new(clip.into_frames(), frame_rate)?);
        }
        Ok(clip)
    }

    /// Notes where the samples of a shard lie.
    fn index_shard(&mut self, shard: usize) -> Result<(), DatasetError> {
        let path = self.shards[shard].clone();
        let file = File::open(&path).map_err(DatasetError::io("open", &path))?;
        let len = file.metadata().map_err(DatasetError::io("read", &path))?.len();
        let mut fault = None;
        let mut end = 0;

        let first = self.places.len();
        let mut archive = tar::Archive::new(BufReader::new(file));
        let entries = archive.entries_with_seek().map_err(DatasetError::io("read", &path))?;
        for entry in entries {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    fault = Some(format!("the shard is damaged: {error}"));
                    break;
                }
            };
            let is_file = entry.header().entry_type().is_file();
            let bytes = if is_file { entry.size() } else { entry.header().entry_size().unwrap_or(u64::MAX) };
            let offset = entry.raw_file_position();
            let Some(entry_end) = offset.checked_add(bytes).filter(|&end| end <= len) else {
                fault = Some("the shard is cut short within a file".into());
                break;
            };
            end = entry_end.next_multiple_of(BLOCK);
            if !is_file {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let Some((key, extension)) = split_name(&name) else { continue };
            if bytes > self.settings.max_member_bytes {
                let reason =
                    format!("{name} has {bytes} bytes, but at most {} are read", self.settings.max_member_bytes);
                let damage = Damage { sample: Some(key.to_owned()), ..shard_damage(&path, reason) };
                self.report.note(damage, self.settings.on_damage)?;
                continue;
            }
            let member = Member { extension: extension.to_ascii_lowercase(), offset, bytes };
            match self.places.last_mut() {
                Some(last) if last.shard == shard && last.key == key => last.members.push(member),
                _ => self.places.push(Place { shard, key: key.to_owned(), members: vec![member] }),
            }
        }
        if fault.is_none() {
            fault = end_fault(&path, end).map_err(DatasetError::io("read", &path))?;
        }
        if let Some(reason) = fault {
            // Files of the last sample may be lost.
            let lost = u64::from(self.places.len() > first);
            self.places.truncate(self.places.len() - lost as usize);
            let damage = Damage { samples_lost: lost, ..shard_damage(&path, reason) };
            self.report.note(damage, self.settings.on_damage)?;
        }
        let has_pictures =
            |place: &Place| place.members.iter().any(|member| PICTURES.contains(&member.extension.as_str()));
        self.places.retain(has_pictures);
        Ok(())
    }
}

/// What the text files of a sample say.
#[derive(Default)]
struct Described {
    captions: Vec<Caption>,
    labels: Value,
    seed: Option<u64>,
    frame_rate: Option<FrameRate>,
    camera: Option<Vec<Camera>>,
}

impl Described {
    fn read_json(&mut self, json: Value) {
        if let Ok(ours) = serde_json::from_value::<Metadata>(json.clone()) {
            self.captions = ours.captions;
            self.labels = ours.labels;
            self.seed = ours.seed;
            self.frame_rate = Some(ours.frame_rate);
            self.camera = ours.camera;
            return;
        }
        let texts = ["caption", "text", "prompt"].iter().filter_map(|key| json.get(key)?.as_str());
        self.captions.extend(texts.map(caption));
        self.labels = json;
    }
}

fn caption(text: &str) -> Caption {
    Caption { language: "und".into(), detail: Detail::Short, text: text.to_owned() }
}

/// `a/b.c.d` has the key `a/b` and the extension `c.d`.
fn split_name(name: &str) -> Option<(&str, &str)> {
    let base = name.rfind('/').map_or(0, |slash| slash + 1);
    let dot = base + name[base..].find('.')?;
    (dot > base).then(|| (&name[..dot], &name[dot + 1..]))
}

/// What is wrong with a tar file from `end`, the end of its last entry, on: two empty blocks or more should follow.
fn end_fault(path: &Path, end: u64) -> std::io::Result<Option<String>> {
    let mut file = BufReader::new(File::open(path)?);
    file.seek(SeekFrom::Start(end))?;
    let mut num_zeros = 0;
    loop {
        let bytes = file.fill_buf()?;
        if bytes.iter().any(|&byte| byte != 0) {
            return Ok(Some(format!("the shard is damaged: no tar header at {end}, yet something follows")));
        }
        if bytes.is_empty() {
            break;
        }
        num_zeros += bytes.len();
        let len = bytes.len();
        file.consume(len);
    }
    let is_whole = num_zeros as u64 >= 2 * BLOCK;
    Ok((!is_whole).then(|| "the shard is cut short: it does not end as a tar file does".into()))
}

fn shard_damage(path: &Path, reason: String) -> Damage {
    let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Damage { file, sample: None, reason, samples_lost: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_split_at_the_first_dot_of_the_last_part() {
        assert_eq!(split_name("a.b/c.d.png"), Some(("a.b/c", "d.png")));
        assert_eq!(split_name("000.txt"), Some(("000", "txt")));
        assert_eq!(split_name(".hidden"), None);
        assert_eq!(split_name("README"), None);
    }
}
