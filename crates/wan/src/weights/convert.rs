//! Bytes of a file to numbers in 32 bits, in the layout that the kernels want.

use std::mem::MaybeUninit;

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
    written(bytes.len() / size, BLOCK, |index, values| {
        let bytes = &bytes[index * BLOCK * size..];
        write(values, bytes, dtype);
    })
}

/// So many numbers, which tasks write block by block, all of each. Nothing is cleared before: one thread would do that, and it
/// costs more than the rest.
fn written(len: usize, block: usize, write: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    let places = &mut values.spare_capacity_mut()[..len];
    places.par_chunks_mut(block.max(1)).enumerate().for_each(|(index, places)| write(index, places));
    // SAFETY: every place belongs to one block, and `write` has written all of it.
    unsafe { values.set_len(len) };
    values
}

/// Writes the first of the numbers that bytes hold, as many as there are places.
fn write(places: &mut [MaybeUninit<f32>], bytes: &[u8], dtype: Dtype) {
    match dtype {
        Dtype::F32 => write_by(places, bytes, f32::from_le_bytes),
        Dtype::F16 => write_by(places, bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        _ => write_by(places, bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
    }
}

fn write_by<const N: usize>(places: &mut [MaybeUninit<f32>], bytes: &[u8], convert: impl Fn([u8; N]) -> f32) {
    let numbers = &bytes.as_chunks::<N>().0[..places.len()];
    for (place, bytes) in places.iter_mut().zip(numbers) {
        place.write(convert(*bytes));
    }
}

/// Whether every number is one.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    values.par_chunks(BLOCK).all(|values| values.iter().all(|value| value.is_finite()))
}

/// Converts `[rows, columns]` into `[columns, rows]`, in one pass: a copy in between would cost as much again.
///
/// # Panics  as [`to_f32`]
pub(crate) fn transposed(bytes: &[u8], dtype: Dtype, columns: usize) -> Vec<f32> {
    let size = size_of_dtype(dtype).expect("the caller has checked the type");
    let rows = bytes.len() / size / columns.max(1);
    written(rows * columns, SQUARE * rows, |index, out| {
        let first = index * SQUARE;
        let width = SQUARE.min(columns - first);
        let mut square = [[MaybeUninit::new(0.0); SQUARE]; SQUARE];
        for start in (0..rows).step_by(SQUARE) {
            let height = SQUARE.min(rows - start);
            for (row, values) in square[..height].iter_mut().enumerate() {
                let place = ((start + row) * columns + first) * size;
                write(&mut values[..width], &bytes[place..], dtype);
            }
            for (column, line) in out.chunks_exact_mut(rows).enumerate() {
                line[start..start + height].iter_mut().zip(&square).for_each(|(target, row)| *target = row[column]);
            }
        }
    })
}

/// Converts the weight of a convolution `[outputs, inputs, taps]` into `[taps · inputs, outputs]`.
///
/// # Panics  as [`to_f32`]
pub(crate) fn convolution(bytes: &[u8], dtype: Dtype, [outputs, inputs, taps]: [usize; 3]) -> Vec<f32> {
    let rows = transposed(bytes, dtype, inputs * taps); // [inputs · taps, outputs]
    if taps == 1 {
        return rows;
    }
    written(rows.len(), outputs, |row, out| {
        let (tap, input) = (row / inputs, row % inputs);
        out.write_copy_of_slice(&rows[(input * taps + tap) * outputs..][..outputs]);
    })
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
            let halves: Vec<f16> = values.iter().map(|value| f16::from_f32(*value)).collect();
            let turned = transposed(bytemuck::cast_slice(&values), Dtype::F32, columns);
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(turned[column * rows + row], values[row * columns + column]);
                }
            }
            let halves: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
            assert_eq!(transposed(&halves, Dtype::F16, columns), turned);
        }
        let (outputs, inputs, taps) = (5, 3, 4);
        let values: Vec<f32> = (0..outputs * inputs * taps).map(|value| value as f32).collect();
        let turned = convolution(bytemuck::cast_slice(&values), Dtype::F32, [outputs, inputs, taps]);
        let (output, input, tap) = (4, 1, 3);
        assert_eq!(turned[(tap * inputs + input) * outputs + output], values[(output * inputs + input) * taps + tap]);
    }
}
