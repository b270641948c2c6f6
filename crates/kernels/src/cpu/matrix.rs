//! Matrix products of strided views: transposing costs nothing, and no copy is made.

use std::marker::PhantomData;

use gemm::Parallelism;

use super::SharedMut;

/// A read-only view of a matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// `rows × columns` values, each row `row_stride` after the one before.
    pub(crate) fn strided(values: &'a [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(values.len(), rows, columns, row_stride);
        Self { values, rows, columns, row_stride, column_stride: 1 }
    }

    /// `rows × columns` values without gaps.
    pub(crate) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }

    /// The transposed view.
    pub(crate) fn t(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write into. What stands between its rows is never touched.
#[derive(Debug)]
pub(crate) struct MatrixMut<'a> {
    start: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    life: PhantomData<&'a mut [f32]>,
}

impl<'a> MatrixMut<'a> {
    /// `rows × columns` values, each row `row_stride` after the one before.
    pub(crate) fn strided(values: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        check(values.len(), rows, columns, row_stride);
        Self { start: values.as_mut_ptr(), rows, columns, row_stride, life: PhantomData }
    }

    /// A part of values that several tasks write at once.
    ///
    /// # Safety
    /// No two tasks may hold matrices with a place in common.
    pub(crate) unsafe fn shared(
        values: SharedMut<'a>,
        start: usize,
        rows: usize,
        columns: usize,
        row_stride: usize,
    ) -> Self {
        check(values.len().saturating_sub(start), rows, columns, row_stride);
        Self { start: values.start().wrapping_add(start), rows, columns, row_stride, life: PhantomData }
    }

    /// `rows × columns` values without gaps.
    pub(crate) fn new(values: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::strided(values, rows, columns, columns)
    }
}

fn check(len: usize, rows: usize, columns: usize, row_stride: usize) {
    let fits = rows == 0 || columns == 0 || (row_stride >= columns && (rows - 1) * row_stride + columns <= len);
    assert!(fits, "a {rows}×{columns} matrix with stride {row_stride} does not fit into {len} values");
}

/// What happens to the values that stand in the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// They are replaced.
    Replace,
    /// The product is added to them.
    Add,
}

/// `destination = scale · left · right`, or added to it, on the calling thread alone.
///
/// # Panics  when the sizes do not fit together
pub(crate) fn multiply(destination: MatrixMut<'_>, write: Write, scale: f32, left: Matrix<'_>, right: Matrix<'_>) {
    let (m, n, k) = (destination.rows, destination.columns, left.columns);
    assert!(
        left.rows == m && right.columns == n && right.rows == k,
        "{}×{} times {}×{} does not give {m}×{n}",
        left.rows,
        left.columns,
        right.rows,
        right.columns
    );
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the views were checked against their slices when they were made, the sizes fit
    // together, and the destination is borrowed mutably, so it overlaps neither factor.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            destination.start,
            1,
            destination.row_stride as isize,
            write == Write::Add,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Writes rows of `[rows, columns, row_stride]` as columns, each as long as there are rows; in squares that stay in the
/// first-level cache.
pub(crate) fn transpose_strided(values: &[f32], [rows, columns, row_stride]: [usize; 3], out: &mut [f32]) {
    const SQUARE: usize = 16;
    for first_row in (0..rows).step_by(SQUARE) {
        let rows_here = SQUARE.min(rows - first_row);
        for first_column in (0..columns).step_by(SQUARE) {
            for column in first_column..columns.min(first_column + SQUARE) {
                let target = &mut out[column * rows + first_row..][..rows_here];
                let source = values[first_row * row_stride + column..].iter().step_by(row_stride);
                target.iter_mut().zip(source).for_each(|(target, value)| *target = *value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transposed_and_strided_views_multiply() {
        // [1 2; 3 4] inside rows of three, times its own transpose.
        let values = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let a = Matrix::strided(&values, 2, 2, 3);
        let mut product = [1.0; 6];
        multiply(MatrixMut::strided(&mut product, 2, 2, 3), Write::Replace, 2.0, a, a.t());
        assert_eq!(product, [10.0, 22.0, 1.0, 22.0, 50.0, 1.0]);
        multiply(MatrixMut::strided(&mut product, 2, 2, 3), Write::Add, 1.0, a.t(), a);
        assert_eq!(product, [20.0, 36.0, 1.0, 36.0, 70.0, 1.0]);
    }

    #[test]
    fn transposing_turns_rows_into_columns() {
        let values: Vec<f32> = (0..37 * 21).map(|value| value as f32).collect();
        let mut out = vec![0.0; 37 * 18];
        transpose_strided(&values, [37, 18, 21], &mut out);
        for (row, column) in [(0, 0), (36, 17), (16, 15), (15, 16), (33, 2)] {
            assert_eq!(out[column * 37 + row], values[row * 21 + column]);
        }
    }

    #[test]
    fn an_empty_sum_is_zero() {
        let mut product = [7.0; 4];
        multiply(
            MatrixMut::new(&mut product, 2, 2),
            Write::Replace,
            1.0,
            Matrix::new(&[], 2, 0),
            Matrix::new(&[], 0, 2),
        );
        assert_eq!(product, [0.0; 4]);
    }
}
