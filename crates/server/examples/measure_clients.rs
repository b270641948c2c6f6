//! Measures a running server under many clients: how long it takes to say how far a video is, and how much longer a video
//! takes to be made meanwhile.
//!
//! ```text
//! misora serve --data /tmp/measured &
//! cargo run --release -p server --example measure_clients -- 127.0.0.1:8080 [CLIENTS] [ROUNDS] [STEPS]
//! ```
//!
//! In each round one video is made alone and one while the clients are there, half of which listen to its events and half
//! of which ask for it as often as the server suggests. The clients share the machine with the server, so that what they
//! take counts as the server's.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinSet,
    time::sleep,
};

type Failure = Box<dyn Error + Send + Sync>;

/// Percentiles that are printed.
const PERCENTILES: [f64; 4] = [50.0, 90.0, 99.0, 100.0];
/// How often the end of a video is looked for; nobody else asks in a round without clients.
const LOOK: Duration = Duration::from_millis(100);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut arguments = env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (clients, rounds, steps) = (number(500)?, number(3)?, number(60)?);
    let answers = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::new(AtomicUsize::new(0));
    let mut ratios = Vec::new();
    for round in 0..rounds {
        // The same video twice, in an order that changes, so that a machine that slows down favours neither.
        let mut seconds = [0.0; 2];
        for crowded in [round % 2 == 1, round % 2 == 0] {
            let mut connection = Connection::open(&address).await?;
            let order =
                json!({ "prompt": "a red ball rolls across the grass", "num_inference_steps": steps, "seed": round });
            let id = connection.ask("POST", "/v1/videos", &order.to_string()).await?.json()?["id"].clone();
            let id = id.as_str().ok_or("the server took no video")?.to_owned();
            let ended = Arc::new(AtomicBool::new(false));
            let mut crowd = JoinSet::new();
            for client in 0..if crowded { clients } else { 0 } {
                let (address, id, ended) = (address.clone(), id.clone(), Arc::clone(&ended));
                let (answers, events) = (Arc::clone(&answers), Arc::clone(&events));
                crowd.spawn(async move {
                    sleep(Duration::from_millis(2 * client as u64)).await;
                    if client % 2 == 0 {
                        poll(&address, &id, &ended, &answers).await
                    } else {
                        listen(&address, &id, &events).await
                    }
                });
            }
            seconds[usize::from(crowded)] = made(&mut connection, &id).await?;
            ended.store(true, Ordering::SeqCst);
            while let Some(client) = crowd.join_next().await {
                client??;
            }
        }
        let [alone, crowded] = seconds;
        ratios.push(crowded / alone);
        println!("round {}: made in {alone:.2} s alone, {crowded:.2} s among {clients} clients", round + 1);
    }
    let mut millis = std::mem::take(&mut *answers.lock().map_err(|_| "a client panicked")?);
    millis.sort_by(f64::total_cmp);
    ratios.sort_by(f64::total_cmp);
    println!("{} answers, {} events", millis.len(), events.load(Ordering::SeqCst));
    for percentile in PERCENTILES {
        let index = (percentile / 100.0 * (millis.len() as f64 - 1.0)).round() as usize;
        println!("{percentile:>5} % of answers within {:.1} ms", millis.get(index).ok_or("nobody asked")?);
    }
    println!("slowed by a median of {:.1} %", (ratios[ratios.len() / 2] - 1.0) * 100.0);
    Ok(())
}

/// Seconds from when a worker took a video to its end, as the server's own times say or, where they are too coarse, as seen.
async fn made(connection: &mut Connection, id: &str) -> Result<f64, Failure> {
    let path = format!("/v1/videos/{id}");
    let mut begun = None;
    loop {
        let video = connection.ask("GET", &path, "").await?.json()?;
        match video["status"].as_str() {
            Some("queued") => {}
            Some("in_progress") => drop(begun.get_or_insert_with(Instant::now)),
            Some("completed") => {
                return Ok(begun.ok_or("it was made before it was looked at")?.elapsed().as_secs_f64());
            }
            _ => return Err(format!("the video failed: {video}").into()),
        }
        sleep(LOOK).await;
    }
}

/// Asks for the video as often as the server suggests, on a connection that stays.
async fn poll(address: &str, id: &str, ended: &AtomicBool, answers: &Mutex<Vec<f64>>) -> Result<(), Failure> {
    let mut connection = Connection::open(address).await?;
    let path = format!("/v1/videos/{id}");
    while !ended.load(Ordering::SeqCst) {
        let begun = Instant::now();
        let answer = connection.ask("GET", &path, "").await?;
        answers.lock().map_err(|_| "a client panicked")?.push(begun.elapsed().as_secs_f64() * 1000.0);
        let pause = answer.headers.get("openai-poll-after-ms").map_or(Ok(1000), |text| text.parse())?;
        sleep(Duration::from_millis(pause)).await;
    }
    Ok(())
}

/// Reads what happens to the video until its end.
async fn listen(address: &str, id: &str, events: &AtomicUsize) -> Result<(), Failure> {
    let mut connection = Connection::open(address).await?;
    connection.send("GET", &format!("/v1/videos/{id}/events"), "").await?;
    let mut line = String::new();
    while connection.0.read_line(&mut line).await? > 0 {
        if let Some(name) = line.strip_prefix("event: ") {
            events.fetch_add(1, Ordering::Relaxed);
            if name.trim() == "done" {
                return Ok(());
            }
        }
        line.clear();
    }
    Err("events ended before the video did".into())
}

/// A connection that speaks just enough HTTP.
struct Connection(BufReader<TcpStream>);

struct Answer {
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Result<Value, Failure> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}

impl Connection {
    async fn open(address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    async fn send(&mut self, method: &str, path: &str, body: &str) -> io::Result<()> {
        let length = body.len();
        let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        self.0.get_mut().write_all(format!("{head}content-length: {length}\r\n\r\n{body}").as_bytes()).await
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<Answer, Failure> {
        self.send(method, path, body).await?;
        let mut status = String::new();
        self.0.read_line(&mut status).await?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await?;
            match line.trim_end().split_once(": ") {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                None => break,
            };
        }
        let length: usize = headers.get("content-length").ok_or("an answer without a length")?.parse()?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        if !status.contains(" 200 ") && !status.contains(" 201 ") && !status.contains(" 202 ") {
            return Err(format!("{}: {}", status.trim(), String::from_utf8_lossy(&body)).into());
        }
        Ok(Answer { headers, body })
    }
}
