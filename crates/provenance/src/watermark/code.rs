//! The error correction: a convolutional code that bites its tail, read by the most likely path.
//!
//! Rate 1/3 with memory 10, generators 2353, 2671 and 3175 (octal); soft values in, so that a faint bit counts little. It
//! begins in the state in which it will end, so that no bit is spent on bringing it back.
//! The generators are those of Larsen 1973 as Proakis, *Digital Communications*, table 8.2-2 lists them; minimum
//! distance 22.

const GENERATORS: [u32; 3] = [0o2353, 0o2671, 0o3175];
const MEMORY: usize = 10;
const STATES: usize = 1 << MEMORY;

/// Bits that come out for so many that go in.
pub(super) const fn coded_len(bits: usize) -> usize {
    bits * GENERATORS.len()
}

/// Encodes at least as many bits as the memory holds.
pub(super) fn encode(bits: &[bool]) -> Vec<bool> {
    let push = |state: u32, bit: bool| u32::from(bit) << MEMORY | state;
    let last = &bits[bits.len().saturating_sub(MEMORY)..];
    let mut state = last.iter().fold(0, |state, &bit| push(state, bit) >> 1);
    let mut coded = Vec::with_capacity(coded_len(bits.len()));
    for &bit in bits {
        let window = push(state, bit);
        coded.extend(GENERATORS.map(|generator| (window & generator).count_ones() % 2 == 1));
        state = window >> 1;
    }
    coded
}

/// The bits that most likely became these soft values: positive says one, negative zero, and size says how surely.
///
/// The values are gone through three times, from any state to any: by the second time the path is in the state from which
/// it came.
pub(super) fn decode(soft: &[f32]) -> Vec<bool> {
    let steps = soft.len() / GENERATORS.len();
    let outputs: Vec<usize> = (0..2 * STATES as u32)
        .map(|window| {
            let bit = |generator: &u32| (window & generator).count_ones() as usize % 2;
            GENERATORS.iter().fold(0, |word, generator| (word << 1) | bit(generator))
        })
        .collect();
    let mut scores = vec![0.0; STATES];
    let mut next = vec![0.0; STATES];
    // For each step and state the bit that fell out of the memory on the better way there.
    let mut choices = vec![[false; STATES]; 3 * steps];
    for (soft, choices) in soft.chunks_exact(GENERATORS.len()).cycle().zip(&mut choices) {
        let gains: [f32; 1 << GENERATORS.len()] = std::array::from_fn(|word| {
            let sign = |at: usize| if word >> (GENERATORS.len() - 1 - at) & 1 == 1 { soft[at] } else { -soft[at] };
            (0..GENERATORS.len()).map(sign).sum()
        });
        for (to, (score, choice)) in next.iter_mut().zip(choices).enumerate() {
            // Two windows end in this state: they differ in the bit that falls out.
            let [zero, one] = [0, 1].map(|fallen| {
                let window = to << 1 | fallen;
                scores[window & (STATES - 1)] + gains[outputs[window]]
            });
            *choice = one > zero;
            *score = zero.max(one);
        }
        std::mem::swap(&mut scores, &mut next);
    }
    let best = (0..STATES).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut state = best.unwrap_or(0);
    let mut bits = Vec::with_capacity(choices.len());
    for choices in choices.iter().rev() {
        bits.push(state >> (MEMORY - 1) & 1 == 1);
        state = (state << 1 | usize::from(choices[state])) & (STATES - 1);
    }
    bits.reverse();
    bits.drain(steps..2 * steps).collect()
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
        // Every sixteenth value says the opposite, every fourth nothing, of each generator as many.
        for (index, value) in soft.iter_mut().enumerate() {
            *value *= if index % 16 == 0 { -1.0 } else { f32::from(index % 4 != 1) };
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
