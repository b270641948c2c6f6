//! A classifier that is another program: a PNG goes in, scores in JSON come out.

use std::{
    io::{ErrorKind, Read, Write},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use video::{Frame, still::encode_png};

use super::{ImageClassifier, Scores, images::ImageRules};
use crate::ProvenanceError;

/// More bytes than any scores.
const MOST_OUTPUT_BYTES: u64 = 64 << 10;
/// What is kept of its complaints.
const MOST_MESSAGE_BYTES: u64 = 4 << 10;
const ASK_AGAIN: Duration = Duration::from_millis(2);

/// A program that is started for each picture. It reads a PNG from standard input and writes one JSON object, such as
/// `{"sexual": 0.02, "gore": 0.9}`, to standard output. Whatever else it does is an error, and the picture does not pass.
#[derive(Clone, Debug)]
pub struct CommandClassifier {
    program: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl CommandClassifier {
    /// The program that a policy names, if it names one.
    pub fn of(rules: &ImageRules) -> Option<Self> {
        let (program, arguments) = rules.command.split_first()?;
        Some(Self { program: program.clone(), arguments: arguments.to_vec(), timeout: rules.timeout })
    }

    fn failed(&self, problem: impl Into<String>) -> ProvenanceError {
        ProvenanceError::Classifier { program: self.program.clone(), problem: problem.into() }
    }

    /// What the program writes to standard output.
    fn run(&self, png: Vec<u8>) -> Result<Vec<u8>, String> {
        let deadline = Instant::now() + self.timeout;
        let late = || format!("gave no scores within {} s", self.timeout.as_secs_f64());
        let mut running = Running::start(&self.program, &self.arguments)?;
        let (output, messages) = running.talk(png);
        let left = deadline.saturating_duration_since(Instant::now());
        let output = output.recv_timeout(left).map_err(|_| late())?;
        if output.len() as u64 > MOST_OUTPUT_BYTES {
            return Err(format!("wrote more than {MOST_OUTPUT_BYTES} bytes"));
        }
        let status = running.ended_by(deadline)?.ok_or_else(late)?;
        if !status.success() {
            running.kill();
            let messages = messages.recv_timeout(ASK_AGAIN * 100).unwrap_or_default();
            let messages = String::from_utf8_lossy(&messages).into_owned();
            let why = messages.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it gave no reason");
            return Err(format!("failed ({status}): {why}"));
        }
        Ok(output)
    }
}

impl ImageClassifier for CommandClassifier {
    fn classify(&self, frame: &Frame) -> Result<Scores, ProvenanceError> {
        let output = self.run(encode_png(frame)?).map_err(|problem| self.failed(problem))?;
        let scores: Scores = serde_json::from_slice(&output)
            .map_err(|error| self.failed(format!("wrote no object of scores by category: {error}")))?;
        match scores.iter().find(|(_, score)| !(0.0..=1.0).contains(*score)) {
            Some((category, score)) => {
                Err(self.failed(format!("gave {category} the score {score}, outside of 0 to 1")))
            }
            None => Ok(scores),
        }
    }
}

/// A running program; dropped, it is killed with all that it has started.
struct Running(Child);

impl Running {
    fn start(program: &str, arguments: &[String]) -> Result<Self, String> {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts ends with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let started = command.spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => "is not there; image_command in the policy names it".to_owned(),
            _ => format!("cannot be started: {error}"),
        });
        started.map(Self)
    }

    /// Sends the picture, and hears output and messages, each when the program has closed it. Threads do, so that nobody
    /// waits for a program that reads nothing or never ends.
    fn talk(&mut self, png: Vec<u8>) -> (Receiver<Vec<u8>>, Receiver<Vec<u8>>) {
        if let Some(mut input) = self.0.stdin.take() {
            // A program need not read all of it.
            thread::spawn(move || drop(input.write_all(&png)));
        }
        (heard(self.0.stdout.take(), MOST_OUTPUT_BYTES + 1), heard(self.0.stderr.take(), MOST_MESSAGE_BYTES))
    }

    fn ended_by(&mut self, deadline: Instant) -> Result<Option<ExitStatus>, String> {
        loop {
            match self.0.try_wait() {
                Ok(None) if Instant::now() < deadline => thread::sleep(ASK_AGAIN),
                Ok(status) => return Ok(status),
                Err(error) => return Err(format!("cannot be waited for: {error}")),
            }
        }
    }

    fn kill(&mut self) {
        #[cfg(unix)]
        if let Ok(group @ 2..) = libc::pid_t::try_from(self.0.id()) {
            // SAFETY: the call takes two numbers. The group is that of the child, which is waited for only behind this, or
            // has none left.
            unsafe {
                libc::kill(-group, libc::SIGKILL);
            }
        }
        drop(self.0.kill());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
        drop(self.0.wait());
    }
}

fn heard(pipe: Option<impl Read + Send + 'static>, most: u64) -> Receiver<Vec<u8>> {
    let (tell, hear) = mpsc::channel();
    if let Some(pipe) = pipe {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            if pipe.take(most).read_to_end(&mut bytes).is_ok() {
                drop(tell.send(bytes));
            }
        });
    }
    hear
}
