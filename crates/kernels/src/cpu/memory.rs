//! Buffers: reading tensors, making them, and scratch space that stays with its thread.

use std::cell::RefCell;
use std::marker::PhantomData;

use burn::backend::DType;
use burn::tensor::{Bytes, Shape};
use burn_flex::{FlexTensor, Layout};
use bytemuck::Pod;

/// A tensor's values in row-major order; copies only when they do not lie so already.
pub(crate) fn read(tensor: FlexTensor) -> FlexTensor {
    if tensor.as_slice::<f32>().is_some() { tensor } else { tensor.to_contiguous() }
}

/// The values of a tensor that came out of [`read`].
pub(crate) fn values(tensor: &FlexTensor) -> &[f32] {
    tensor.as_slice().expect("`read` has laid the values out in row-major order")
}

/// The values of a tensor to write over, where nobody else holds them and they are all that its storage has.
pub(crate) fn own_values(tensor: &mut FlexTensor) -> Option<&mut [f32]> {
    let is_whole = tensor.as_slice::<f32>().is_some_and(|values| values.len() == tensor.storage::<f32>().len());
    if is_whole { tensor.try_storage_mut() } else { None }
}

/// The lengths of a tensor's axes.
pub(crate) fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    let shape = tensor.layout().shape();
    assert_eq!(shape.num_dims(), D, "an operation on {D} axes was given {shape:?}");
    std::array::from_fn(|axis| shape[axis])
}

/// Adds up the sums of blocks, first to last, so that the threads have no say in the result.
pub(crate) fn sum_in_order(blocks: Vec<Vec<f32>>, len: usize) -> Vec<f32> {
    let mut total = vec![0.0f32; len];
    for sums in blocks {
        total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
    }
    total
}

/// Wraps values in row-major order into a tensor.
pub(crate) fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    debug_assert_eq!(values.len(), shape.iter().product::<usize>());
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(Shape::new(shape)), DType::F32)
}

/// Wraps values into a tensor of the same shape as another.
pub(crate) fn with_layout_of(values: Vec<f32>, other: &FlexTensor) -> FlexTensor {
    let shape = other.layout().shape().clone();
    debug_assert_eq!(values.len(), shape.num_elements());
    FlexTensor::new(Bytes::from_elems(values), Layout::contiguous(shape), DType::F32)
}

/// Room for `len` values, which the caller must all write before it reads any.
///
/// Zeroing first would cost one more pass through memory, which is what these operations are
/// bound by.
#[expect(clippy::uninit_vec, reason = "callers write every value before they read any")]
pub(crate) fn uninit<T: Pod>(len: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    // SAFETY: the capacity is there, and every bit pattern is a value.
    unsafe { values.set_len(len) };
    values
}

/// Asks for the memory that will soon be written, so that it is near by then.
#[inline(always)]
pub(crate) fn fetch_for_writing(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        /// Values of a line of the cache.
        const LINE: usize = 16;
        for line in values.chunks(LINE) {
            // SAFETY: every such processor has the instruction, and it may be given any address.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Lends `len` values of the thread's own scratch space, with whatever stood there before.
///
/// `body` must not enter rayon: a stolen task would ask for the same space.
pub(crate) fn scratch<R>(len: usize, body: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SPACE: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    SPACE.with_borrow_mut(|space| {
        if space.len() < len {
            space.resize(len, 0.0);
        }
        body(&mut space[..len])
    })
}

/// A slice that several tasks write at once, each to places of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedMut<'a> {
    start: *mut f32,
    len: usize,
    life: PhantomData<&'a mut [f32]>,
}

// SAFETY: whoever calls `slice` promises that no two tasks touch the same value.
unsafe impl Send for SharedMut<'_> {}
// SAFETY: as above.
unsafe impl Sync for SharedMut<'_> {}

impl<'a> SharedMut<'a> {
    pub(crate) fn new(values: &'a mut [f32]) -> Self {
        Self { start: values.as_mut_ptr(), len: values.len(), life: PhantomData }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn start(&self) -> *mut f32 {
        self.start
    }

    /// The values from `start` to `start + len`.
    ///
    /// # Safety
    /// Of the slices alive at one time, no two may be used to touch the same value.
    pub(crate) unsafe fn slice(self, start: usize, len: usize) -> &'a mut [f32] {
        assert!(start + len <= self.len, "values {start}..{} lie outside of {}", start + len, self.len);
        // SAFETY: within the slice by the check above, and not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}
