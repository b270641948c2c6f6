//! A child process that is never left behind.

use std::{
    ffi::OsString,
    io::{self, Read},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use crate::VideoError;

/// What is kept of the messages that a child writes.
const MAX_MESSAGE_BYTES: usize = 4096;

/// A running program; dropped, it is killed.
pub(super) struct Process {
    child: Child,
    messages: Option<JoinHandle<String>>,
}

impl Process {
    /// Starts `program`, whose output is returned.
    ///
    /// # Errors
    /// [`VideoError::FfmpegMissing`] when there is no such program; `found` is what the file seems to be.
    pub(super) fn start(
        program: &str,
        arguments: Vec<OsString>,
        path: &Path,
        found: &str,
    ) -> Result<(Self, ChildStdout), VideoError> {
        let failed = |message: String| VideoError::Ffmpeg { path: path.to_owned(), message };
        let started = Command::new(program)
            .args(arguments)
            // It would write a log file.
            .env_remove("FFREPORT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => VideoError::FfmpegMissing { path: path.to_owned(), found: found.to_owned() },
            _ => failed(format!("{program} cannot be started: {error}")),
        })?;
        let output = child.stdout.take();
        let messages = child.stderr.take().map(|pipe| thread::spawn(|| first_bytes(pipe)));
        let process = Self { child, messages };
        let output = output.ok_or_else(|| failed(format!("{program} has no output")))?;
        Ok((process, output))
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
    }

    /// Waits until the program has ended; what it complained about comes back with its status.
    pub(super) fn finish(&mut self) -> (Option<ExitStatus>, String) {
        let status = self.child.wait().ok();
        let messages = self.messages.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        (status, messages)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        let _ = self.child.wait();
    }
}

/// Reads a pipe to its end, so that the writer never waits, and keeps the beginning.
fn first_bytes(mut pipe: impl Read) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = pipe.read(&mut buffer) {
        kept.extend(&buffer[..count.min(MAX_MESSAGE_BYTES - kept.len())]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// The reason among a program's messages, without names that mean nothing to the reader.
pub(super) fn complaint(messages: &str, path: &Path) -> String {
    let line = messages.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it gave no reason");
    let line = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, text)| text);
    let line = line.strip_prefix(&format!("file:{}: ", path.display())).unwrap_or(line);
    match line {
        // What the format list refuses, and what no format fits.
        "Invalid argument" | "Invalid data found when processing input" => {
            "it is of no video format that is known here".to_owned()
        }
        line => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_message_counts() {
        let path = Path::new("a.bin");
        assert_eq!(complaint("[mov @ 0x1] first\n[mov @ 0x1] moov atom not found\n\n", path), "moov atom not found");
        assert_eq!(complaint("file:a.bin: Permission denied\n", path), "Permission denied");
        assert!(complaint("file:a.bin: Invalid argument", path).contains("no video format"));
        assert_eq!(complaint("", path), "it gave no reason");
    }
}
