//! How a file's header and its records become bytes and come back.

use half::f16;
use serde::{Deserialize, Serialize};

use super::{AutoencoderFingerprint, LatentSample};

pub(super) const VERSION: u32 = 1;
pub(super) const HEADER_LEN: usize = 64;
pub(super) const RECORD_HEAD_LEN: usize = 32;
const MAGIC: &[u8; 8] = b"MISOLAT\0";
const MARKER: &[u8; 4] = b"LREC";
const PAYLOAD_HEAD_LEN: usize = 8 + 4 * 4 + 4 + 4;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) autoencoder: AutoencoderFingerprint,
    pub(super) num_records: u64,
}

/// Why a header cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderFault {
    NotLatents,
    Version(u32),
    Check,
}

impl Header {
    pub(super) fn to_bytes(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[12..44].copy_from_slice(&self.autoencoder.0);
        bytes[44..52].copy_from_slice(&self.num_records.to_le_bytes());
        let check = blake3::hash(&bytes[..52]);
        bytes[52..].copy_from_slice(&check.as_bytes()[..12]);
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8; HEADER_LEN]) -> Result<Self, HeaderFault> {
        let mut fields = Fields(bytes);
        if fields.take(8) != Some(MAGIC) {
            return Err(HeaderFault::NotLatents);
        }
        let version = fields.u32().ok_or(HeaderFault::NotLatents)?;
        if version != VERSION {
            return Err(HeaderFault::Version(version));
        }
        let autoencoder = fields.array::<32>().ok_or(HeaderFault::NotLatents)?;
        let num_records = fields.u64().ok_or(HeaderFault::NotLatents)?;
        if fields.0 != &blake3::hash(&bytes[..52]).as_bytes()[..12] {
            return Err(HeaderFault::Check);
        }
        Ok(Self { autoencoder: AutoencoderFingerprint(autoencoder), num_records })
    }
}

/// What stands before each payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHead {
    pub(super) payload_len: u64,
    hash: [u8; 16],
}

impl RecordHead {
    pub(super) fn of(payload: &[u8]) -> Self {
        Self { payload_len: payload.len() as u64, hash: short_hash(payload) }
    }

    pub(super) fn to_bytes(self) -> [u8; RECORD_HEAD_LEN] {
        let mut bytes = [0; RECORD_HEAD_LEN];
        bytes[..4].copy_from_slice(MARKER);
        bytes[4..12].copy_from_slice(&self.payload_len.to_le_bytes());
        bytes[12..28].copy_from_slice(&self.hash);
        let check = short_hash(&bytes[..28]);
        bytes[28..].copy_from_slice(&check[..4]);
        bytes
    }

    /// `None` when the head itself is damaged, so that its length cannot be trusted.
    pub(super) fn from_bytes(bytes: &[u8; RECORD_HEAD_LEN]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let marker = fields.take(4)?;
        let payload_len = fields.u64()?;
        let hash = fields.array::<16>()?;
        (marker == MARKER && fields.0 == &short_hash(&bytes[..28])[..4]).then_some(Self { payload_len, hash })
    }

    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        self.payload_len == payload.len() as u64 && self.hash == short_hash(payload)
    }
}

#[derive(Serialize, Deserialize)]
struct Metadata {
    captions: Vec<String>,
    has_camera: bool,
    labels: serde_json::Value,
}

/// The bytes of a sample that [`LatentSample::check`] has let through.
pub(super) fn encode(sample: &LatentSample) -> Result<Vec<u8>, serde_json::Error> {
    let metadata = serde_json::to_vec(&Metadata {
        captions: sample.captions.clone(),
        has_camera: sample.camera.is_some(),
        labels: sample.labels.clone(),
    })?;
    let poses = sample.camera.as_deref().unwrap_or_default();
    let mut bytes = Vec::with_capacity(PAYLOAD_HEAD_LEN + poses.len() * 24 + metadata.len() + sample.latents.len() * 2);
    bytes.extend(sample.seed.to_le_bytes());
    for side in sample.shape {
        bytes.extend((side as u32).to_le_bytes());
    }
    bytes.extend((poses.len() as u32).to_le_bytes());
    bytes.extend((metadata.len() as u32).to_le_bytes());
    bytes.extend(poses.iter().flatten().flat_map(|value| value.to_le_bytes()));
    bytes.extend(metadata);
    bytes.extend(sample.latents.iter().flat_map(|latent| latent.to_le_bytes()));
    Ok(bytes)
}

/// The sample that `payload` holds, or what is wrong with it.
pub(super) fn decode(payload: &[u8]) -> Result<LatentSample, String> {
    let mut fields = Fields(payload);
    let short = || "the record ends too early".to_owned();
    let seed = fields.u64().ok_or_else(short)?;
    let mut shape = [0; 4];
    for side in &mut shape {
        *side = fields.u32().ok_or_else(short)? as usize;
    }
    let num_poses = fields.u32().ok_or_else(short)? as usize;
    let metadata_len = fields.u32().ok_or_else(short)? as usize;
    let poses = fields.take(num_poses.checked_mul(24).ok_or_else(short)?).ok_or_else(short)?;
    let poses: Vec<[f32; 6]> = poses
        .chunks_exact(24)
        .map(|pose| std::array::from_fn(|i| f32::from_le_bytes(std::array::from_fn(|byte| pose[4 * i + byte]))))
        .collect();
    let metadata = fields.take(metadata_len).ok_or_else(short)?;
    let metadata: Metadata =
        serde_json::from_slice(metadata).map_err(|error| format!("its metadata cannot be read: {error}"))?;
    if !fields.0.len().is_multiple_of(2) {
        return Err("its latents are not a whole number of 16-bit values".into());
    }
    let latents = fields.0.chunks_exact(2).map(|pair| f16::from_le_bytes([pair[0], pair[1]])).collect();
    let camera = metadata.has_camera.then_some(poses);
    let sample = LatentSample { latents, shape, captions: metadata.captions, camera, seed, labels: metadata.labels };
    sample.check().map_err(|error| error.to_string())?;
    Ok(sample)
}

fn short_hash(bytes: &[u8]) -> [u8; 16] {
    let hash = blake3::hash(bytes);
    std::array::from_fn(|i| hash.as_bytes()[i])
}

/// Bytes that are taken from the front, never past the end.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (front, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(front)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_cut_or_lengthened_payload_is_an_error_and_never_a_panic() {
        let sample = LatentSample {
            latents: vec![f16::ONE; 2 * 3 * 2 * 2],
            shape: [2, 3, 2, 2],
            captions: vec!["a ball".into(), "一个球".into()],
            camera: Some(vec![[0.1, 0.2, 0.3, 0.4, 0.5, 0.6]; 3]),
            seed: 7,
            labels: serde_json::json!({"motion": "roll"}),
        };
        let payload = encode(&sample).unwrap();
        assert_eq!(decode(&payload).unwrap(), sample);
        for len in 0..payload.len() {
            assert!(decode(&payload[..len]).is_err(), "cut to {len} bytes");
        }
        assert!(decode(&[payload.as_slice(), &[0, 0]].concat()).is_err());
        for place in 0..32 {
            let mut absurd = payload.clone();
            absurd[place] = 0xff;
            let _ = decode(&absurd); // must return, whatever it says
        }
    }

    #[test]
    fn a_header_is_checked_before_it_is_believed() {
        let header = Header { autoencoder: AutoencoderFingerprint::of(&[b"a"]), num_records: 3 };
        let bytes = header.to_bytes();
        assert_eq!(Header::from_bytes(&bytes), Ok(header));
        for place in 0..HEADER_LEN {
            let mut flipped = bytes;
            flipped[place] ^= 1;
            assert!(Header::from_bytes(&flipped).is_err(), "byte {place}");
        }
    }
}
