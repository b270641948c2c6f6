//! Names of videos.

use std::{fmt, str::FromStr};

use rand::RngCore;

const PREFIX: &str = "video_";
/// Letters and digits after the prefix.
const LENGTH: usize = 32;

/// The name of a video: `video_` and 32 hexadecimal digits, so that it is a safe name of a folder too.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VideoId(String);

impl VideoId {
    /// A name that nobody has or can guess.
    pub fn random() -> Self {
        let mut bytes = [0_u8; LENGTH / 2];
        rand::rng().fill_bytes(&mut bytes);
        Self(format!("{PREFIX}{}", hex(&bytes)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VideoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VideoId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix(PREFIX).filter(|digits| digits.len() == LENGTH);
        let fine = |digits: &str| digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits.is_some_and(fine) {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("a video's id is {PREFIX} and {LENGTH} hexadecimal digits"))
    }
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_out_is_an_id() {
        let id = VideoId::random();
        assert_eq!(id.as_str().parse::<VideoId>().unwrap(), id);
        assert_ne!(id, VideoId::random());
        let digits = "0".repeat(32);
        for wrong in ["", "video_", "video_../../../etc/passwd", "../video_0", &digits, &format!("video_{digits}0")] {
            assert!(wrong.parse::<VideoId>().is_err(), "{wrong}");
        }
        assert!(format!("video_{}", digits.replace('0', "G")).parse::<VideoId>().is_err());
    }
}
