//! What the mark says: 32 bits, and 16 that tell whether they were read right.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// Bits of a payload together with its checksum.
pub(super) const CODED_BITS: usize = 48;
const VIDEO_MASK: u32 = (1 << 20) - 1;

/// What a watermark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Payload {
    /// How the rest is to be read, 0 to 15; this program writes [`Payload::VERSION`].
    pub version: u8,
    /// Which model, as 8 bits of a hash of its name.
    pub model: u8,
    /// Which video, as 20 bits of a hash of all that it was made from.
    pub video: u32,
}

impl Payload {
    /// The version that is written.
    pub const VERSION: u8 = 1;

    /// Names a model, and a video by whatever tells it apart from all others.
    pub fn new(model: &str, video: &str) -> Self {
        let hash = |text: &str| Sha256::digest(text.as_bytes());
        let (model, video) = (hash(model), hash(video));
        Self {
            version: Self::VERSION,
            model: model[0],
            video: u32::from_be_bytes([0, video[0], video[1], video[2]]) >> 4,
        }
    }

    /// Whether it may come from that model; one name in 256 says so by chance.
    pub fn may_be_from(&self, model: &str) -> bool {
        Self::new(model, "").model == self.model
    }

    pub(super) fn to_bits(self) -> Vec<bool> {
        let value = self.number();
        let word = u64::from(value) << 16 | u64::from(checksum(value));
        (0..CODED_BITS).rev().map(|bit| word >> bit & 1 == 1).collect()
    }

    /// The payload, where its checksum is right.
    pub(super) fn from_bits(bits: &[bool]) -> Option<Self> {
        let word = bits.iter().fold(0_u64, |word, &bit| word << 1 | u64::from(bit));
        let value = (word >> 16) as u32;
        let right = bits.len() == CODED_BITS && checksum(value) == word as u16;
        right.then_some(Self { version: (value >> 28) as u8, model: (value >> 20) as u8, video: value & VIDEO_MASK })
    }

    fn number(self) -> u32 {
        u32::from(self.version & 15) << 28 | u32::from(self.model) << 20 | self.video & VIDEO_MASK
    }
}

/// CRC-16 of CCITT, beginning at all ones, over the 32 bits.
fn checksum(value: u32) -> u16 {
    (0..32).rev().fold(0xFFFF, |sum: u16, bit| {
        let carry = (sum >> 15) ^ (value >> bit) as u16 & 1;
        sum << 1 ^ if carry == 1 { 0x1021 } else { 0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        // CRC-16/CCITT-FALSE of "1234", as Python's `binascii.crc_hqx(b"1234", 0xFFFF)` gives it.
        assert_eq!(checksum(u32::from_be_bytes(*b"1234")), 0x5349);
    }

    #[test]
    fn bits_come_back_and_one_wrong_bit_is_noticed() {
        let payload = Payload::new("nano", "a red ball, seed 7");
        let bits = payload.to_bits();
        assert_eq!(Payload::from_bits(&bits), Some(payload));
        assert!(payload.may_be_from("nano") && !payload.may_be_from("wan"));
        for wrong in 0..CODED_BITS {
            let mut bits = bits.clone();
            bits[wrong] = !bits[wrong];
            assert_eq!(Payload::from_bits(&bits), None);
        }
    }
}
