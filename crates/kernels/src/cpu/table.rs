//! Gradients of what many rows share: biases, and tables from which tokens take their row.

use burn_flex::FlexTensor;
use rayon::prelude::*;

use super::memory::{sum_in_order, tensor};
use super::{ROWS, vectorize};

/// Adds up the rows of a matrix, in blocks whose order does not depend on the threads.
pub(crate) fn column_sums(matrix: &[f32], columns: usize) -> FlexTensor {
    let sum_block = |block: &[f32]| {
        let mut sums = vec![0.0f32; columns];
        vectorize(
            #[inline(always)]
            |_| {
                for row in block.chunks_exact(columns) {
                    for (sum, value) in sums.iter_mut().zip(row) {
                        *sum += value;
                    }
                }
            },
        );
        sums
    };
    let blocks = matrix.par_chunks(ROWS * columns.max(1)).map(sum_block).collect();
    tensor(sum_in_order(blocks, columns), [columns])
}

/// What one block of tokens adds to the rows of a table that occur in it.
#[derive(Debug)]
pub(crate) struct TableSums {
    width: usize,
    rows: Vec<u32>,
    sums: Vec<f32>,
}

impl TableSums {
    /// Holds `width` sums for each row that will occur.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, rows: Vec::new(), sums: Vec::new() }
    }

    /// The sums of a row, zeros at first.
    #[inline(always)]
    pub(crate) fn of(&mut self, row: u32) -> &mut [f32] {
        // Neighbours mostly share a row, so the last one is the likely one.
        let slot = self.rows.iter().rposition(|known| *known == row).unwrap_or_else(|| {
            self.rows.push(row);
            self.sums.resize(self.rows.len() * self.width, 0.0);
            self.rows.len() - 1
        });
        &mut self.sums[slot * self.width..][..self.width]
    }

    /// Adds up all blocks, first to last, into `T` tables of `levels × width` values that stand
    /// side by side in each block's sums.
    pub(crate) fn gather<const T: usize>(blocks: Vec<Self>, levels: usize, width: usize) -> [FlexTensor; T] {
        let mut tables: [Vec<f32>; T] = std::array::from_fn(|_| vec![0.0; levels * width]);
        for block in blocks {
            for (row, sums) in block.rows.iter().zip(block.sums.chunks_exact(T * width)) {
                for (table, sums) in tables.iter_mut().zip(sums.chunks_exact(width)) {
                    let line = &mut table[*row as usize * width..][..width];
                    line.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
                }
            }
        }
        tables.map(|table| tensor(table, [levels, width]))
    }
}
