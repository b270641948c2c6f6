//! The error correction: a convolutional code, read by the most likely path.
//!
//! Rate 1/3 with memory 8, generators 557, 663 and 711 (octal); soft values in, so that a faint bit counts little.
//! The generators are those of Larsen 1973 as Proakis, *Digital Communications*, table 8.2-2 lists them; minimum
//! distance 18.

const GENERATORS: [u32; 3] = [0o557, 0o663, 0o711];
const MEMORY: usize = 8;
const STATES: usize = 1 << MEMORY;

/// Bits that come out for so many that go in.
pub(super) const fn coded_len(bits: usize) -> usize {
    (bits + MEMORY) * GENERATORS.len()
}

/// Encodes, and brings the memory back to zero.
pub(super) fn encode(bits: &[bool]) -> Vec<bool> {
    let tail = [false; MEMORY];
    let mut state = 0_u32;
    let mut coded = Vec::with_capacity(coded_len(bits.len()));
    for &bit in bits.iter().chain(&tail) {
        let window = u32::from(bit) << MEMORY | state;
        coded.extend(GENERATORS.map(|generator| (window & generator).count_ones() % 2 == 1));
        state = window >> 1;
    }
    coded
}

/// The bits that most likely became these soft values: positive says one, negative zero, and size says how surely.
pub(super) fn decode(soft: &[f32]) -> Vec<bool> {
    let steps = soft.len() / GENERATORS.len();
    let mut scores = [f32::NEG_INFINITY; STATES];
    scores[0] = 0.0;
    // For each step and state the bit that fell out of the memory on the better way there.
    let mut choices = vec![[false; STATES]; steps];
    for (soft, choices) in soft.chunks_exact(GENERATORS.len()).zip(&mut choices) {
        let mut next = [f32::NEG_INFINITY; STATES];
        for (state, before) in scores.iter().enumerate() {
            for bit in 0..2 {
                let window = bit << MEMORY | state;
                let gain = |(&generator, &soft): (&u32, &f32)| {
                    if (window as u32 & generator).count_ones() % 2 == 1 { soft } else { -soft }
                };
                let score = before + GENERATORS.iter().zip(soft).map(gain).sum::<f32>();
                let to = window >> 1;
                if score > next[to] {
                    next[to] = score;
                    choices[to] = state & 1 == 1;
                }
            }
        }
        scores = next;
    }
    let mut state = 0_usize;
    let mut bits = Vec::with_capacity(steps);
    for choices in choices.iter().rev() {
        bits.push(state >> (MEMORY - 1) & 1 == 1);
        state = (state << 1 | usize::from(choices[state])) & (STATES - 1);
    }
    bits.reverse();
    bits.truncate(steps.saturating_sub(MEMORY));
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_errors_are_corrected() {
        let bits: Vec<bool> = (0..64).map(|index| (index * 7 + index / 5) % 3 == 0).collect();
        let coded = encode(&bits);
        assert_eq!(coded.len(), coded_len(64));
        let mut soft: Vec<f32> = coded.iter().map(|&bit| if bit { 1.0 } else { -1.0 }).collect();
        assert_eq!(decode(&soft), bits);
        // Every tenth value says the opposite, every third nothing.
        for (index, value) in soft.iter_mut().enumerate() {
            *value *= if index % 10 == 0 { -1.0 } else { f32::from(index % 3 != 0) };
        }
        assert_eq!(decode(&soft), bits);
    }

    #[test]
    fn eight_wrong_bits_in_a_row_of_eighteen_do_no_harm() {
        let bits = vec![true; 64];
        let mut soft: Vec<f32> = encode(&bits).iter().map(|&bit| if bit { 1.0 } else { -1.0 }).collect();
        soft[60..68].iter_mut().for_each(|value| *value = -*value);
        assert_eq!(decode(&soft), bits);
    }
}
