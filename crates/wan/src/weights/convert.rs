//! Bytes of a file to numbers in 32 bits, in the layout that the kernels want.

use half::{bf16, f16};
use rayon::prelude::*;
use safetensors::Dtype;

/// Numbers that one task converts.
const BLOCK: usize = 1 << 16;
/// Rows or columns that are transposed at once: sixteen values of 32 bits are one line of the cache.
const SQUARE: usize = 16;

/// Bytes of one number, or nothing for a type that is not read.
pub(crate) const fn size_of_dtype(dtype: Dtype) -> Option<usize> {
    match dtype {
        Dtype::F32 => Some(4),
        Dtype::F16 | Dtype::BF16 => Some(2),
        _ => None,
    }
}

/// Converts numbers in little-endian order.
///
/// # Panics  for a type of which [`size_of_dtype`] knows nothing
pub(crate) fn to_f32(bytes: &[u8], dtype: Dtype) -> Vec<f32> {
    let size = size_of_dtype(dtype).expect("the caller has checked the type");
    let mut values = vec![0.0; bytes.len() / size];
    values.par_chunks_mut(BLOCK).zip(bytes.par_chunks(BLOCK * size)).for_each(|(values, bytes)| match dtype {
        Dtype::F32 => fill(values, bytes, f32::from_le_bytes),
        Dtype::F16 => fill(values, bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        _ => fill(values, bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
    });
    values
}

fn fill<const N: usize>(values: &mut [f32], bytes: &[u8], convert: impl Fn([u8; N]) -> f32) {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks::<N>().0) {
        *value = convert(*bytes);
    }
}

/// Whether every number is one.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    values.par_chunks(BLOCK).all(|values| values.iter().all(|value| value.is_finite()))
}

/// Turns `[rows, columns]` into `[columns, rows]`.
pub(crate) fn transposed(values: &[f32], columns: usize) -> Vec<f32> {
    let rows = values.len() / columns.max(1);
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut((SQUARE * rows).max(1)).enumerate().for_each(|(index, out)| {
        let first_column = index * SQUARE;
        for first_row in (0..rows).step_by(SQUARE) {
            for (offset, line) in out.chunks_exact_mut(rows).enumerate() {
                let line = &mut line[first_row..rows.min(first_row + SQUARE)];
                let source = values[first_row * columns + first_column + offset..].iter().step_by(columns);
                line.iter_mut().zip(source).for_each(|(target, value)| *target = *value);
            }
        }
    });
    out
}

/// Turns the weight of a convolution `[outputs, inputs, taps]` into `[taps · inputs, outputs]`.
pub(crate) fn convolution(values: &[f32], [outputs, inputs, taps]: [usize; 3]) -> Vec<f32> {
    let rows = transposed(values, inputs * taps); // [inputs · taps, outputs]
    if taps == 1 {
        return rows;
    }
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(outputs.max(1)).enumerate().for_each(|(row, out)| {
        let (tap, input) = (row / inputs, row % inputs);
        out.copy_from_slice(&rows[(input * taps + tap) * outputs..][..outputs]);
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_and_its_nan_is_seen() {
        let numbers = [0.5f32, -3.0, 0.0, 1024.0];
        let singles: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let halves: Vec<u8> = numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let brains: Vec<u8> = numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect();
        for (bytes, dtype) in [(singles, Dtype::F32), (halves, Dtype::F16), (brains, Dtype::BF16)] {
            assert_eq!(to_f32(&bytes, dtype), numbers);
        }
        assert_eq!(size_of_dtype(Dtype::I64), None);
        assert!(all_finite(&numbers) && !all_finite(&[0.0, f32::NAN]) && !all_finite(&[f32::INFINITY]));
    }

    #[test]
    fn layouts_are_turned_whatever_the_sides() {
        for (rows, columns) in [(1, 1), (3, 5), (16, 16), (17, 33), (40, 2)] {
            let values: Vec<f32> = (0..rows * columns).map(|value| value as f32).collect();
            let turned = transposed(&values, columns);
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(turned[column * rows + row], values[row * columns + column]);
                }
            }
        }
        let (outputs, inputs, taps) = (5, 3, 4);
        let values: Vec<f32> = (0..outputs * inputs * taps).map(|value| value as f32).collect();
        let turned = convolution(&values, [outputs, inputs, taps]);
        let (output, input, tap) = (4, 1, 3);
        assert_eq!(turned[(tap * inputs + input) * outputs + output], values[(output * inputs + input) * taps + tap]);
    }
}
