//! What the fused CPU operations stand on. Nothing here knows which operation it serves.

pub(crate) mod matrix;
pub(crate) mod memory;
pub(crate) mod operation;
pub(crate) mod simd;
pub(crate) mod table;
pub(crate) mod tasks;

pub(crate) use matrix::{Matrix, MatrixMut, Write, multiply, transpose_strided};
pub(crate) use memory::{
    SharedMut, dims, fetch_for_writing, own_values, read, scratch, sum_in_order, tensor, uninit, values, with_layout_of,
};
pub(crate) use operation::{Operation, is_cpu, run, supported, tracked_by_autodiff, untracked, without_gradient};
pub(crate) use simd::vectorize;
pub(crate) use table::{TableSums, column_sums};
pub(crate) use tasks::{EachTask, parts};

/// Rows of a token matrix that one task takes. Fixed, so that sums over rows are taken in the same
/// order whatever the number of threads.
pub(crate) const ROWS: usize = 128;
