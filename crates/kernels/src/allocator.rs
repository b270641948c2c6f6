//! A global allocator that keeps large blocks for the next tensor.
//!
//! A training step makes and drops the same tensors every time, each of many megabytes. The
//! system's allocator gives such blocks back to the kernel and asks for them again, and the kernel
//! then clears each page and maps it when it is first touched: about as much time as two passes
//! through memory. Kept blocks cost nothing. A program installs it once:
//!
//! ```
//! use kernels::ReusingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: ReusingAllocator = ReusingAllocator::new(2 << 30);
//! # fn main() {}
//! ```

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Smaller blocks go to the system's allocator, which is good at them.
const SMALLEST: usize = 1 << 16;
/// Larger ones as well: they are rare.
const LARGEST: usize = 1 << 32;
/// Sizes between one power of two and the next: at most an eighth of a block is wasted on average.
const STEPS: usize = 4;
const CLASSES: usize = 16 * STEPS + 1;
const ALIGN: usize = 4096;

/// Keeps freed blocks of 64 KiB and more, up to a limit, and hands them out again.
#[derive(Debug)]
pub struct ReusingAllocator {
    limit: AtomicUsize,
    kept: Mutex<Kept>,
}

/// The heads of a list of free blocks for each size; a free block holds the address of the next.
#[derive(Debug)]
struct Kept {
    bytes: usize,
    heads: [usize; CLASSES],
}

impl ReusingAllocator {
    /// Keeps at most `limit` bytes that nobody uses.
    pub const fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), kept: Mutex::new(Kept { bytes: 0, heads: [0; CLASSES] }) }
    }

    /// Keeps at most `limit` bytes from now on, for work that has little memory to spare. What is kept already stays
    /// until it is asked for.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    /// A kept block of this class, or null.
    fn take(&self, class: usize, size: usize) -> *mut u8 {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let block = ptr::with_exposed_provenance_mut::<u8>(kept.heads[class]);
        if !block.is_null() {
            // SAFETY: a kept block is at least SMALLEST bytes, aligned, and holds the next address.
            kept.heads[class] = unsafe { block.cast::<usize>().read() };
            kept.bytes -= size;
        }
        block
    }

    /// Keeps a block; says no where the limit would be passed.
    fn keep(&self, block: *mut u8, class: usize, size: usize) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let room = kept.bytes + size <= self.limit.load(Ordering::Relaxed);
        if room {
            // SAFETY: the block is ours, at least SMALLEST bytes, and aligned.
            unsafe { block.cast::<usize>().write(kept.heads[class]) };
            kept.heads[class] = block.expose_provenance();
            kept.bytes += size;
        }
        room
    }
}

/// The class that a request belongs to and the size of its blocks, if it is one to keep.
fn class_of(layout: Layout) -> Option<(usize, usize)> {
    let size = layout.size();
    if !(SMALLEST..=LARGEST).contains(&size) || layout.align() > ALIGN {
        return None;
    }
    let octave = size.ilog2() as usize;
    let step = (1usize << octave) / STEPS;
    let steps = (size - (1 << octave)).div_ceil(step);
    let class = (octave - SMALLEST.ilog2() as usize) * STEPS + steps;
    Some((class, (1 << octave) + steps * step))
}

fn block_layout(size: usize) -> Layout {
    // SAFETY: the alignment is a power of two, and no block comes near `isize::MAX`.
    unsafe { Layout::from_size_align_unchecked(size, ALIGN) }
}

// SAFETY: every block comes from the system's allocator with the layout of its class, which
// `dealloc` finds again from the request's own layout, and is handed to one owner at a time.
unsafe impl GlobalAlloc for ReusingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((class, size)) = class_of(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        let block = self.take(class, size);
        // SAFETY: the size is not zero.
        if block.is_null() { unsafe { System.alloc(block_layout(size)) } } else { block }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some((class, size)) = class_of(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        };
        let block = self.take(class, size);
        if block.is_null() {
            // SAFETY: the size is not zero. Fresh pages are zeros already.
            return unsafe { System.alloc_zeroed(block_layout(size)) };
        }
        // SAFETY: the block has at least as many bytes.
        unsafe { block.write_bytes(0, layout.size()) };
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            // SAFETY: the caller's promise.
            None => unsafe { System.dealloc(block, layout) },
            Some((class, size)) => {
                if !self.keep(block, class, size) {
                    // SAFETY: the block came from the system with this layout.
                    unsafe { System.dealloc(block, block_layout(size)) };
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_requests_and_little_more() {
        let mut size = SMALLEST;
        while size < LARGEST / 3 {
            let (class, block) = class_of(Layout::from_size_align(size, 4).unwrap()).unwrap();
            assert!(class < CLASSES && block >= size && block <= size + size / STEPS + 1);
            size += size / 7 + 1;
        }
        assert_eq!(class_of(Layout::from_size_align(LARGEST, 4).unwrap()), Some((CLASSES - 1, LARGEST)));
        assert_eq!(class_of(Layout::from_size_align(SMALLEST - 1, 4).unwrap()), None);
    }

    #[test]
    fn a_freed_block_comes_back_and_zeros_are_zeros() {
        let allocator = ReusingAllocator::new(1 << 20);
        let layout = Layout::from_size_align(100_000, 64).unwrap();
        // SAFETY: blocks are freed once, with the layout that they were made with.
        unsafe {
            let first = allocator.alloc(layout);
            first.write_bytes(7, layout.size());
            allocator.dealloc(first, layout);
            let second = allocator.alloc_zeroed(layout);
            assert_eq!(first, second);
            assert!(std::slice::from_raw_parts(second, layout.size()).iter().all(|byte| *byte == 0));
            let third = allocator.alloc(layout);
            assert_ne!(second, third);
            allocator.dealloc(second, layout);
            allocator.dealloc(third, layout);
        }
    }

    #[test]
    fn nothing_is_kept_beyond_the_limit() {
        let allocator = ReusingAllocator::new(150_000);
        let layout = Layout::from_size_align(SMALLEST, 8).unwrap();
        // SAFETY: blocks are freed once, with the layout that they were made with.
        unsafe {
            let blocks = [(); 4].map(|()| allocator.alloc(layout));
            blocks.into_iter().for_each(|block| allocator.dealloc(block, layout));
        }
        assert_eq!(allocator.kept.lock().unwrap().bytes, 2 * SMALLEST);
        allocator.set_limit(0);
        // SAFETY: as above.
        unsafe {
            let blocks = [(); 2].map(|()| allocator.alloc(layout));
            blocks.into_iter().for_each(|block| allocator.dealloc(block, layout));
        }
        assert_eq!(allocator.kept.lock().unwrap().bytes, 0);
    }
}
