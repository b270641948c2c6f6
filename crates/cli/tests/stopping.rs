//! Ctrl-C and full disks: no partial file is left.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]
#![cfg(unix)]

mod support;

use std::{
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::Duration,
};

use support::Place;

/// Sends SIGINT after a while; the command takes minutes if it is not stopped.
fn interrupted_after(mut child: Child, wait: Duration) -> support::Ran {
    std::thread::sleep(wait);
    assert!(child.try_wait().unwrap().is_none(), "it ended before it could be stopped");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.signal(), None, "it ends by itself");
    output.into()
}

fn spawn(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn ctrl_c_leaves_no_file() {
    let place = Place::new();
    for output in ["a.mp4", "a.gif", "frames"] {
        let mut arguments =
            Place::generate_arguments("a red ball", &["-o", output, "--size", "64x64", "--frames", "33"]);
        let steps = arguments.iter().position(|argument| *argument == "--steps").unwrap();
        arguments[steps + 1] = "1000";
        let ran = interrupted_after(spawn(place.command(&arguments)), Duration::from_millis(1500));
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), "misora: generation was stopped\n"));
        assert!(place.files().is_empty(), "{:?}", place.files());
    }
}

#[test]
fn ctrl_c_in_a_data_set_keeps_whole_shards_and_the_rest_follows() {
    let place = Place::new();
    let arguments = ["worlds", "dataset", "-o", "data", "--bucket", "64x64x9", "--preset", "simple", "--count"];
    let many = [&arguments[..], &["1000000"]].concat();
    let ran = interrupted_after(spawn(place.command(&many)), Duration::from_millis(1500));
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    assert!(ran.stderr.contains("the same command goes on"), "{}", ran.stderr);
    let ran = place.run(&["dataset", "verify", "data"]).fine();
    assert!(ran.contains("not finished yet"), "{ran}");
}

#[test]
fn a_full_disk_is_one_line_and_leaves_nothing() {
    let place = Place::new();
    // A limit on file size stands in for a full disk: writing fails in the same place.
    let limited = |arguments: &[&str]| -> support::Ran {
        let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let script = format!("ulimit -f 1; exec '{}' {}", env!("CARGO_BIN_EXE_misora"), quoted.join(" "));
        Command::new("sh").args(["-c", &script]).current_dir(place.path("")).output().unwrap().into()
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
