//! What a run tells: to a monitor while it happens, and to a JSONL file for good.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value, json};

use crate::TrainingError;

/// One step, as it is told.
#[derive(Clone, Debug)]
pub struct StepReport<'a> {
    /// Name of the stage.
    pub stage: &'a str,
    /// Steps done.
    pub step: u64,
    /// Steps in all.
    pub steps: u64,
    /// Loss of this step.
    pub loss: f32,
}

/// Hears what happens, and may stop it.
pub trait Monitor {
    /// Something began or ended.
    fn note(&mut self, message: &str);

    /// A step of training or preparation is done. Breaking stops the run after it has saved a checkpoint.
    fn step(&mut self, report: &StepReport<'_>) -> ControlFlow<()>;
}

/// Hears nothing and never stops.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Monitor for Quiet {
    fn note(&mut self, _message: &str) {}

    fn step(&mut self, _report: &StepReport<'_>) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }
}

/// A log with one JSON object a line. Resuming drops the lines after the checkpoint, so that each step stands once.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens a stage's log for going on after `step`.
    ///
    /// # Errors
    /// [`TrainingError::File`] when it cannot be read or written.
    pub fn open(path: &Path, step: u64) -> Result<Self, TrainingError> {
        let is_kept = |line: &&String| {
            parse(line).and_then(|values| values.get("step")?.as_u64()).is_some_and(|logged| logged <= step)
        };
        // As they were written: a number that is read and written again may change its last digit.
        let kept: String = lines(path)?.iter().filter(is_kept).map(|line| format!("{line}\n")).collect();
        std::fs::write(path, kept).map_err(TrainingError::file("write", path))?;
        let file = OpenOptions::new().append(true).open(path).map_err(TrainingError::file("write", path))?;
        Ok(Self { file, path: path.into() })
    }

    /// Adds a line; `kind` is "step" or "validation".
    ///
    /// # Errors
    /// [`TrainingError::File`] when it cannot be written.
    pub fn write(&mut self, kind: &str, step: u64, values: Value) -> Result<(), TrainingError> {
        let mut line = json!({ "kind": kind, "step": step });
        if let (Value::Object(line), Value::Object(values)) = (&mut line, values) {
            line.extend(values);
        }
        writeln!(self.file, "{line}").map_err(TrainingError::file("write", &self.path))
    }
}

/// All whole lines of a log; a line cut by a crash is left out.
///
/// # Errors
/// [`TrainingError::File`] when it cannot be read.
pub fn read(path: &Path) -> Result<Vec<Map<String, Value>>, TrainingError> {
    Ok(lines(path)?.iter().filter_map(|line| parse(line)).collect())
}

fn lines(path: &Path) -> Result<Vec<String>, TrainingError> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let file = File::open(path).map_err(TrainingError::file("read", path))?;
    Ok(BufReader::new(file).lines().map_while(Result::ok).collect())
}

fn parse(line: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(line).ok()
}
