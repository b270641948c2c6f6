//! What attention adds for the distance between two tokens.

use super::TextEncoderConfig;

/// The bias of every head for every pair of `length` tokens.
///
/// `table` has a row for each bucket of distances and a column for each head.
///
/// # Shapes  → `[heads, query, key]` laid flat
pub(super) fn position_bias(config: &TextEncoderConfig, table: &[f32], length: usize) -> Vec<f32> {
    let heads = config.num_heads;
    // Distances from −(length − 1) to length − 1: a query's row is a window of them.
    let buckets: Vec<usize> =
        (0..2 * length - 1).map(|index| bucket(config, index as i64 - (length as i64 - 1))).collect();
    let mut bias = Vec::with_capacity(heads * length * length);
    for head in 0..heads {
        let by_distance: Vec<f32> = buckets.iter().map(|bucket| table[bucket * heads + head]).collect();
        for query in 0..length {
            bias.extend_from_slice(&by_distance[length - 1 - query..][..length]);
        }
    }
    bias
}

/// The bucket of a key `distance` tokens after its query.
///
/// Half of the buckets are for keys behind the query; of each half, one half is for single distances and the other for
/// ranges that grow as a logarithm. In 32 bits like the reference, since the ends of ranges depend on the last bit.
///
/// # Source  Raffel et al. 2020, T5
fn bucket(config: &TextEncoderConfig, distance: i64) -> usize {
    let half = config.relative_attention_num_buckets / 2;
    let single = half / 2;
    let side = if distance > 0 { half } else { 0 };
    let distance = distance.unsigned_abs() as usize;
    if distance < single {
        return side + distance;
    }
    let span = (config.relative_attention_max_distance as f64 / single as f64).ln() as f32;
    let ratio = (distance as f32 / single as f32).ln() / span * (half - single) as f32;
    side + (single + ratio as usize).min(half - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_fall_into_buckets() {
        let config = TextEncoderConfig::default();
        for (distance, expected) in
            [(0, 0), (-1, 1), (-7, 7), (-8, 8), (-12, 9), (-16, 10), (-32, 12), (-64, 14), (-127, 15), (-500, 15)]
        {
            assert_eq!(bucket(&config, distance), expected, "{distance}");
            if distance != 0 {
                assert_eq!(bucket(&config, -distance), 16 + expected, "{distance}");
            }
        }
    }

    #[test]
    fn a_row_is_a_window_of_the_distances() {
        let config = TextEncoderConfig { num_heads: 2, ..TextEncoderConfig::default() };
        let table: Vec<f32> = (0..64).map(|value| value as f32).collect();
        let bias = position_bias(&config, &table, 3);
        // Head 1, query 2 sees keys at distances −2, −1 and 0.
        assert_eq!(bias[9 + 6..], [2.0 * 2.0 + 1.0, 2.0 + 1.0, 1.0]);
    }
}
