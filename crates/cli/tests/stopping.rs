//! Ctrl-C and full disks: no partial file is left.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    time::Duration,
};

use support::Place;

/// Starts the program, waits until `ready`, and sends SIGINT.
fn interrupted_when(mut command: Command, ready: impl Fn(u32) -> bool) -> support::Ran {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while !ready(child.id()) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "it ends by itself");
    output.into()
}

/// Whether the process catches SIGINT already, as Linux tells; elsewhere after a while.
fn is_listening(process: u32) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) else {
        std::thread::sleep(Duration::from_secs(2));
        return true;
    };
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() & 0b10 != 0
}

#[test]
fn ctrl_c_while_imagining_leaves_no_file() {
    let place = Place::new();
    for output in ["a.mp4", "a.gif", "frames"] {
        let mut arguments = Place::generate_arguments("a red ball", &["-o", output, "--size", "64x64"]);
        let steps = arguments.iter().position(|argument| *argument == "--steps").unwrap();
        arguments[steps + 1] = "1000"; // minutes
        let ran = interrupted_when(place.command(&arguments), is_listening);
        assert_eq!(ran.code, Some(130));
        // "stopped" before the first step, "generation was stopped" after it.
        assert!(ran.stderr.ends_with("stopped\n"), "{}", ran.stderr);
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
}

#[test]
fn ctrl_c_while_writing_leaves_no_file() {
    let place = Place::new();
    for output in ["a.mp4", "a.gif", "frames"] {
        let arguments = ["generate", "a red ball", "--model", "model", "--steps", "1", "--guidance", "1", "-o", output];
        let command = place.command(&[&arguments[..], &["--frames", "1025", "--at-once", "--size", "48x32"]].concat());
        // The look whether it can be written, before the work, lasts too short to be met twice in a row.
        let part_is_there = || place.files().iter().any(|name| name.contains(".part"));
        let writing = |_| {
            part_is_there() && {
                std::thread::sleep(Duration::from_millis(20));
                part_is_there()
            }
        };
        let ran = interrupted_when(command, writing);
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), "misora: generation was stopped\n"));
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
}

#[test]
fn ctrl_c_in_a_data_set_keeps_whole_shards_and_the_rest_follows() {
    let place = Place::new();
    let arguments = ["worlds", "dataset", "-o", "data", "--bucket", "64x64x9", "--preset", "simple"];
    let command = place.command(&[&arguments[..], &["--count", "1000000"]].concat());
    let ran = interrupted_when(command, |_| place.path("data").exists());
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.contains("the same command goes on"), "{}", ran.stderr);
    let said = place.run(&["dataset", "verify", "data"]).fine();
    assert!(said.contains("not finished yet"), "{said}");
}

#[test]
fn a_full_disk_is_one_line_and_leaves_nothing() {
    let place = Place::new();
    // The first video makes the key; later ones read it.
    place.generate("a red ball", &["-o", "first.png"]).fine();
    std::fs::remove_file(place.path("first.png")).unwrap();
    // A limit on file size stands in for a full disk: writing fails in the same place.
    let limited = |arguments: &[&str]| -> support::Ran {
        let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let script = format!("ulimit -f 1; exec '{}' {}", env!("CARGO_BIN_EXE_misora"), quoted.join(" "));
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).current_dir(place.path("")).env("MISORA_DATA_DIR", place.path("identity"));
        shell.output().unwrap().into()
    };
    for output in ["a.mp4", "a.gif", "a.png", "frames"] {
        let arguments = Place::generate_arguments("a red ball", &["-o", output]);
        limited(&arguments).refused("cannot write");
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
    if std::path::Path::new("/dev/full").exists() {
        let arguments = Place::generate_arguments("a red ball", &["-o", "/dev/full", "--frames", "5"]);
        let ran = place.run(&arguments);
        assert_eq!(ran.code, Some(1), "{}", ran.stderr);
        let to_stdout = Place::generate_arguments("a red ball", &["-o", "-", "--frames", "5"]);
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran: support::Ran = place
            .command(&to_stdout)
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
            .wait_with_output()
            .unwrap()
            .into();
        ran.refused("cannot write to standard output");
    }
}

#[test]
fn a_reader_that_ends_early_is_no_error() {
    let place = Place::new();
    let script = format!("'{}' completions bash | head -c 10", env!("CARGO_BIN_EXE_misora"));
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    drop(place);
}
