//! A PostgreSQL server and an S3 server, started for a test in folders of their own.

use std::{
    env, fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// What the tests need that a fresh machine does not have, or nothing, said aloud.
pub fn installed(test: &str) -> Option<(PathBuf, PathBuf)> {
    let named = |variable: &str, how: &str| match env::var_os(variable) {
        Some(found) => Some(PathBuf::from(found)),
        None => {
            // Unlike `println!`, this is seen although the test passes.
            let line = format!("SKIPPED {test}: {variable} is not set. {how}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
            None
        }
    };
    let postgres = named(
        "MISORA_TEST_POSTGRES",
        "Install Debian's postgresql and name the folder of its initdb, such as /usr/lib/postgresql/15/bin",
    );
    let s3 = named(
        "MISORA_TEST_S3",
        "Run `pip install 'moto[server]'` in a virtual environment and name its bin/moto_server",
    );
    postgres.zip(s3)
}

/// A PostgreSQL server that only this machine reaches, by a socket.
pub struct PostgresServer {
    folder: TempDir,
    programs: PathBuf,
    /// Whom it runs as: it refuses to be root.
    user: Option<u32>,
}

impl PostgresServer {
    pub fn start(programs: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let user = (id(&["-u"]) == 0).then(|| id(&["-u", "postgres"]));
        if let Some(user) = user {
            chown(folder.path(), Some(user), None).unwrap();
        }
        let server = Self { folder, programs: programs.to_owned(), user };
        server.run("initdb", &["--username", "misora", "--auth", "trust", "--no-sync", "--pgdata", &server.data()]);
        server.again();
        server
    }

    /// Where it is found.
    pub fn url(&self) -> String {
        format!("postgres://misora@{}/postgres", self.folder.path().to_string_lossy().replace('/', "%2F"))
    }

    /// Starts it anew.
    pub fn again(&self) {
        let socket = self.folder.path().display();
        let options = format!("-k {socket} -c listen_addresses='' -c fsync=off");
        let log = self.folder.path().join("log");
        self.run("pg_ctl", &["start", "--wait", "-D", &self.data(), "-o", &options, "--log", log.to_str().unwrap()]);
    }

    /// Ends it in the middle of whatever it does.
    pub fn stop(&self) {
        self.run("pg_ctl", &["stop", "--wait", "-m", "immediate", "-D", &self.data()]);
    }

    /// A statement, by the program that comes with it.
    pub fn say(&self, statement: &str) -> String {
        let said = self.command("psql").args([&self.url(), "-Atc", statement]).output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        String::from_utf8(said.stdout).unwrap().trim().to_owned()
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_string_lossy().into_owned()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        // What it starts keeps the output open, so that nobody may wait for its end.
        let output = fs::File::create(self.folder.path().join(format!("{program}.output"))).unwrap();
        let mut command = self.command(program);
        let ran = command.args(arguments).stdout(output.try_clone().unwrap()).stderr(output).status().unwrap();
        let said = || fs::read_to_string(self.folder.path().join(format!("{program}.output"))).unwrap();
        assert!(ran.success(), "{program} {arguments:?}: {}", said());
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.command("pg_ctl").args(["stop", "-m", "immediate", "-D", &self.data()]).output());
    }
}

fn id(arguments: &[&str]) -> u32 {
    let said = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8_lossy(&said.stdout).trim().parse().unwrap_or_else(|_| panic!("`id {arguments:?}` says nothing"))
}

/// An S3 server with an empty bucket.
pub struct S3Server {
    child: Child,
    address: String,
}

impl S3Server {
    pub fn start(program: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(program);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { child: command.spawn().unwrap(), address: format!("127.0.0.1:{port}") };
        let begun = Instant::now();
        while !server.ask("PUT", "/videos").is_some_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            assert!(begun.elapsed() < Duration::from_secs(60), "the S3 server does not answer");
            std::thread::sleep(Duration::from_millis(100));
        }
        server
    }

    /// What whoever uses it must be told.
    pub fn variables(&self) -> Vec<(String, String)> {
        let endpoint = format!("http://{}", self.address);
        [
            ("ENDPOINT_URL", &*endpoint),
            ("ACCESS_KEY_ID", "test"),
            ("SECRET_ACCESS_KEY", "test"),
            ("REGION", "us-east-1"),
        ]
        .map(|(name, value)| (format!("AWS_{name}"), value.to_owned()))
        .to_vec()
    }

    /// Names of all that lies there.
    pub fn names(&self) -> Vec<String> {
        let answer = self.ask("GET", "/videos?list-type=2").unwrap();
        let names = answer.split("<Key>").skip(1);
        names.filter_map(|rest| rest.split_once("</Key>").map(|(name, _)| name.to_owned())).collect()
    }

    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(&self.address).ok()?;
        let host = &self.address;
        let head =
            format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
