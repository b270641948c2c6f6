//! What a server is given.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use generation::{Machine, VideoGenerator};
use video::ReadLimits;

use crate::{fetch::PrivateUrls, policy::PromptPolicy, webhooks::Webhook};

/// A model that requests are checked against while it makes another video.
pub type SharedGenerator = Arc<dyn VideoGenerator + Send + Sync>;

/// What a server is given.
pub struct ServerConfig {
    /// Where it listens; port 0 takes any that is free.
    pub listen: SocketAddr,
    /// The folder of its jobs and files, made where there is none.
    pub data: PathBuf,
    /// What makes the videos.
    pub generator: SharedGenerator,
    /// What there is to compute with, so that a video which does not fit is refused at once.
    pub machine: Option<Machine>,
    /// Which prompts are refused.
    pub policy: Arc<dyn PromptPolicy>,
    /// Who is told what came of each job.
    pub webhook: Option<Webhook>,
    /// Whether other people's URLs may lead into private networks.
    pub private_urls: PrivateUrls,
    /// How much is taken of anybody.
    pub limits: ServerLimits,
}

/// How much is taken of anybody.
#[derive(Clone, Copy, Debug)]
pub struct ServerLimits {
    /// Bytes of one request.
    pub body_bytes: u64,
    /// Bytes of one JSON body, or of one text field.
    pub text_bytes: usize,
    /// Longest silence of a sender.
    pub idle: Duration,
    /// Longest time that a whole request may take to arrive.
    pub arrival: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// Uploads that are received or read at a time.
    pub uploads: usize,
    /// Jobs that wait at a time.
    pub queued: u64,
    /// How much of an uploaded picture or video is read.
    pub read: ReadLimits,
    /// How long a worker that says nothing keeps its job.
    pub lease: Duration,
    /// How often a job may lose its worker before it is given up.
    pub losses: u32,
    /// How long work in progress is waited for when the server stops.
    pub farewell: Duration,
}

impl Default for ServerLimits {
    /// Bodies of 256 MiB, pictures of 16 megapixels, 2000 frames, 1000 jobs in the queue.
    fn default() -> Self {
        Self {
            body_bytes: 256 << 20,
            text_bytes: 32 << 20,
            idle: Duration::from_secs(15),
            arrival: Duration::from_secs(600),
            connections: 2048,
            uploads: 4,
            queued: 1000,
            read: ReadLimits {
                max_pixels: 4096 * 4096,
                max_frames: 2000,
                max_clip_bytes: 1 << 30,
                time_limit: Duration::from_secs(60),
            },
            lease: Duration::from_secs(30),
            losses: 8,
            farewell: Duration::from_secs(20),
        }
    }
}
