//! A hub of one model on this machine.

use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
};

use sha2::{Digest, Sha256};

/// The commit that the only branch is at.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong with weights.
#[derive(Clone, Copy, PartialEq)]
pub enum Trouble {
    None,
    /// The next download stops after so many bytes.
    CutOnce {
        after: u64,
    },
    /// Every download stops there, and none goes on.
    CutAlways {
        after: u64,
    },
    /// The list of files says that weights are of this size.
    ClaimSize {
        bytes: u64,
    },
}

/// Serves `owner/model` until the tests end.
pub struct FakeHub {
    address: String,
    state: Arc<State>,
}

struct State {
    files: Vec<(&'static str, Vec<u8>)>,
    trouble: Mutex<Trouble>,
    downloads: Mutex<Vec<(String, u64)>>,
}

impl FakeHub {
    pub fn start(files: Vec<(&'static str, Vec<u8>)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State { files, trouble: Mutex::new(Trouble::None), downloads: Mutex::default() });
        let served = Arc::clone(&state);
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| served.answer(stream)));
        Self { address, state }
    }

    pub fn endpoint(&self) -> String {
        self.address.clone()
    }

    pub fn make(&self, trouble: Trouble) {
        *self.state.trouble.lock().unwrap() = trouble;
    }

    /// Files whose contents were asked for, and from which byte.
    pub fn downloads(&self) -> Vec<(String, u64)> {
        self.state.downloads.lock().unwrap().clone()
    }
}

impl State {
    fn answer(&self, stream: TcpStream) {
        let mut lines = BufReader::new(&stream).lines();
        let request = lines.next().unwrap().unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let range =
            headers.iter().find_map(|line| line.to_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
        if path.starts_with("/api/models/owner/model/revision/main") {
            return reply(&stream, "200 OK", "", self.list().as_bytes());
        }
        let file = path.strip_prefix("/owner/model/resolve/main/");
        match file.and_then(|file| self.files.iter().find(|(name, _)| *name == file)) {
            Some((name, contents)) => self.send(&stream, (name, contents), &range.unwrap()),
            None => reply(&stream, "404 Not Found", "", b"{}"),
        }
    }

    fn list(&self) -> String {
        let size = |name: &str, contents: &[u8]| match *self.trouble.lock().unwrap() {
            Trouble::ClaimSize { bytes } if name.ends_with(".safetensors") => bytes,
            _ => contents.len() as u64,
        };
        let files = self.files.iter();
        let files =
            files.map(|(name, contents)| format!(r#"{{"rfilename": "{name}", "size": {}}}"#, size(name, contents)));
        format!(r#"{{"sha": "{COMMIT}", "siblings": [{}]}}"#, files.collect::<Vec<_>>().join(","))
    }

    fn send(&self, stream: &TcpStream, (name, contents): (&str, &[u8]), range: &str) {
        let (start, end) = range.split_once('-').unwrap();
        let start: u64 = start.parse().unwrap();
        let end = end.parse().map_or(contents.len() as u64, |end: u64| end + 1);
        let is_weights = name.ends_with(".safetensors");
        // Contents are named by SHA-256 where they are large, and by git's checksum where not.
        let digest: String = Sha256::digest(contents).iter().map(|byte| format!("{byte:02x}")).collect();
        let etag = if is_weights { &digest } else { &digest[..40] };
        let total = contents.len();
        let headers = format!(
            "ETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\nContent-Range: bytes {start}-{}/{total}\r\n",
            end - 1
        );
        if end - start == 1 {
            return reply(stream, "206 Partial Content", &headers, &contents[start as usize..end as usize]);
        }
        self.downloads.lock().unwrap().push((name.to_owned(), start));
        let mut trouble = self.trouble.lock().unwrap();
        let cut = match *trouble {
            Trouble::CutOnce { after } if is_weights => {
                *trouble = Trouble::None;
                Some(after)
            }
            Trouble::CutAlways { after } if is_weights => Some(after.max(start)),
            _ => None,
        };
        head(stream, "206 Partial Content", &headers, end - start);
        let sent = &contents[start as usize..cut.unwrap_or(end) as usize];
        let _ = (&*stream).write_all(sent);
    }
}

fn reply(stream: &TcpStream, status: &str, headers: &str, body: &[u8]) {
    head(stream, status, headers, body.len() as u64);
    let _ = (&*stream).write_all(body);
}

fn head(mut stream: &TcpStream, status: &str, headers: &str, length: u64) {
    let _ = write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n");
}
