//! A global allocator that keeps large blocks for the next tensor.
//!
//! A training step makes and drops the same tensors every time, each of many megabytes. The
//! system's allocator gives such blocks back to the kernel and asks for them again, and the kernel
//! then clears each page and maps it when it is first touched: about as much time as two passes
//! through memory. Kept blocks cost nothing, and new ones of some megabytes ask for large pages, which are mapped at once.
//! A program installs it once:
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
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller blocks go to the system's allocator, which is good at them.
const SMALLEST: usize = 1 << 16;
/// Larger ones as well: they are rare.
const LARGEST: usize = 1 << 32;
/// Sizes between one power of two and the next: at most an eighth of a block is wasted on average.
const STEPS: usize = 4;
const CLASSES: usize = 16 * STEPS + 1;
const ALIGN: usize = 4096;
/// The page that the kernel can map at once instead of 512 small ones, where a block asks for it and begins at one.
const HUGE_PAGE: usize = 2 << 20;

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
    /// When a block of each size last came or went.
    used: [u64; CLASSES],
    /// How often any did.
    now: u64,
}

impl Kept {
    const NOTHING: Self = Self { bytes: 0, heads: [0; CLASSES], used: [0; CLASSES], now: 0 };

    fn push(&mut self, block: *mut u8, class: usize) {
        // SAFETY: the block is nobody's, at least SMALLEST bytes, and aligned.
        unsafe { block.cast::<usize>().write(self.heads[class]) };
        self.heads[class] = block.expose_provenance();
        self.bytes += size_of_class(class);
    }

    /// A block of this class, or null.
    fn pop(&mut self, class: usize) -> *mut u8 {
        let block = ptr::with_exposed_provenance_mut::<u8>(self.heads[class]);
        if !block.is_null() {
            // SAFETY: a kept block is at least SMALLEST bytes, aligned, and holds the next address.
            self.heads[class] = unsafe { block.cast::<usize>().read() };
            self.bytes -= size_of_class(class);
        }
        block
    }

    fn touch(&mut self, class: usize) {
        self.now += 1;
        self.used[class] = self.now;
    }

    /// Which of the classes that have blocks, but for one, was used least lately.
    fn least_used(&self, but: usize) -> Option<usize> {
        (0..CLASSES).filter(|class| *class != but && self.heads[*class] != 0).min_by_key(|class| self.used[*class])
    }
}

/// What every allocator may keep beyond its limit for the time being.
static MORE: AtomicUsize = AtomicUsize::new(0);

/// Lets every [`ReusingAllocator`] keep so many bytes more for as long as what it returns lives: for work that asks for
/// the same blocks over and over. What is kept beyond the limit afterwards goes as soon as a block is freed.
#[must_use]
pub fn keep_more(bytes: usize) -> KeptMore {
    MORE.fetch_add(bytes, Ordering::Relaxed);
    KeptMore(bytes)
}

/// As long as it lives, more is kept; see [`keep_more`].
#[derive(Debug)]
pub struct KeptMore(usize);

impl Drop for KeptMore {
    fn drop(&mut self) {
        MORE.fetch_sub(self.0, Ordering::Relaxed);
    }
}

impl ReusingAllocator {
    /// Keeps at most `limit` bytes that nobody uses.
    pub const fn new(limit: usize) -> Self {
        Self { limit: AtomicUsize::new(limit), kept: Mutex::new(Kept::NOTHING) }
    }

    /// Keeps at most `limit` bytes from now on, for work that has little memory to spare. What is kept already stays
    /// until it is asked for.
    pub fn set_limit(&self, limit: usize) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a block, in place of some of other sizes that were not asked for as lately where the limit would be passed.
    fn keep(&self, block: *mut u8, class: usize) {
        let size = size_of_class(class);
        let limit = self.limit.load(Ordering::Relaxed) + MORE.load(Ordering::Relaxed);
        loop {
            let mut kept = self.kept();
            if kept.bytes + size <= limit {
                kept.touch(class);
                return kept.push(block, class);
            }
            let least_used = if size <= limit { kept.least_used(class) } else { None };
            let (other, class) = least_used.map_or((block, class), |class| (kept.pop(class), class));
            drop(kept);
            // SAFETY: the block is nobody's, and came from the system with this layout.
            unsafe { System.dealloc(other, block_layout(size_of_class(class))) };
            if other == block {
                return;
            }
        }
    }
}

/// The class that a request belongs to, if its block is one to keep.
fn class_of(layout: Layout) -> Option<usize> {
    let size = layout.size();
    if !(SMALLEST..=LARGEST).contains(&size) || layout.align() > ALIGN {
        return None;
    }
    let octave = size.ilog2() as usize;
    let step = (1usize << octave) / STEPS;
    let steps = (size - (1 << octave)).div_ceil(step);
    Some((octave - SMALLEST.ilog2() as usize) * STEPS + steps)
}

/// Bytes of the blocks of a class.
const fn size_of_class(class: usize) -> usize {
    let octave = SMALLEST << (class / STEPS);
    octave + class % STEPS * (octave / STEPS)
}

fn block_layout(size: usize) -> Layout {
    let align = if size < 2 * HUGE_PAGE { ALIGN } else { HUGE_PAGE };
    // SAFETY: the alignment is a power of two, and no block comes near `isize::MAX`.
    unsafe { Layout::from_size_align_unchecked(size, align) }
}

/// A new block of the system, or null.
fn fresh(size: usize) -> *mut u8 {
    let layout = block_layout(size);
    // SAFETY: the size is not zero.
    let block = unsafe { System.alloc(layout) };
    #[cfg(target_os = "linux")]
    if !block.is_null() && layout.align() == HUGE_PAGE {
        // SAFETY: the pages are ours. The call changes how they are mapped and nothing else; refusal costs time only.
        unsafe { libc::madvise(block.cast(), size, libc::MADV_HUGEPAGE) };
    }
    block
}

// SAFETY: every block comes from the system's allocator with the layout of its class, which
// `dealloc` finds again from the request's own layout, and is handed to one owner at a time.
unsafe impl GlobalAlloc for ReusingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(class) = class_of(layout) else {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc(layout) };
        };
        let mut kept = self.kept();
        kept.touch(class);
        let block = kept.pop(class);
        drop(kept);
        if block.is_null() { fresh(size_of_class(class)) } else { block }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if class_of(layout).is_none() {
            // SAFETY: the caller's promise.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promise.
        let block = unsafe { self.alloc(layout) };
        if !block.is_null() {
            // SAFETY: the block has at least as many bytes.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match class_of(layout) {
            // SAFETY: the caller's promise.
            None => unsafe { System.dealloc(block, layout) },
            Some(class) => self.keep(block, class),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Held by tests that look at limits, of which a part is the same for all allocators.
    static LIMITS: Mutex<()> = Mutex::new(());

    /// Makes so many blocks, and then frees them.
    fn make_and_free(allocator: &ReusingAllocator, layout: Layout, count: usize) {
        // SAFETY: blocks are freed once, with the layout that they were made with.
        unsafe {
            let blocks: Vec<_> = (0..count).map(|_| allocator.alloc(layout)).collect();
            blocks.into_iter().for_each(|block| allocator.dealloc(block, layout));
        }
    }

    #[test]
    fn a_class_holds_its_requests_and_little_more() {
        let mut size = SMALLEST;
        while size < LARGEST / 3 {
            let class = class_of(Layout::from_size_align(size, 4).unwrap()).unwrap();
            let block = size_of_class(class);
            assert!(class < CLASSES && block >= size && block <= size + size / STEPS + 1);
            size += size / 7 + 1;
        }
        assert_eq!(class_of(Layout::from_size_align(LARGEST, 4).unwrap()), Some(CLASSES - 1));
        assert_eq!(size_of_class(CLASSES - 1), LARGEST);
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
        let _limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
        let allocator = ReusingAllocator::new(150_000);
        let layout = Layout::from_size_align(SMALLEST, 8).unwrap();
        make_and_free(&allocator, layout, 4);
        assert_eq!(allocator.kept.lock().unwrap().bytes, 2 * SMALLEST);
        allocator.set_limit(0);
        make_and_free(&allocator, layout, 2);
        assert_eq!(allocator.kept.lock().unwrap().bytes, 0);
    }

    #[test]
    fn more_is_kept_for_a_while() {
        let _limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
        let allocator = ReusingAllocator::new(2 * SMALLEST);
        let [small, large] = [1, 2].map(|size| Layout::from_size_align(size * SMALLEST, 8).unwrap());
        let made_and_freed = |layout, count| make_and_free(&allocator, layout, count);
        let more = keep_more(3 * SMALLEST);
        made_and_freed(small, 5);
        assert_eq!(allocator.kept().bytes, 5 * SMALLEST);
        drop(more);
        made_and_freed(large, 1);
        assert_eq!(allocator.kept().bytes, 2 * SMALLEST);
    }

    #[test]
    fn sizes_that_are_asked_for_take_the_place_of_others() {
        let _limits = LIMITS.lock().unwrap_or_else(PoisonError::into_inner);
        let allocator = ReusingAllocator::new(6 * SMALLEST);
        let [small, middle, large] = [1, 2, 4].map(|size| Layout::from_size_align(size * SMALLEST, 8).unwrap());
        let made_and_freed = |layout, count| make_and_free(&allocator, layout, count);
        let kept = || [small, middle, large].map(|layout| allocator.kept().heads[class_of(layout).unwrap()] != 0);
        made_and_freed(small, 2);
        made_and_freed(middle, 2);
        assert_eq!((kept(), allocator.kept().bytes), ([true, true, false], 6 * SMALLEST));
        made_and_freed(small, 1);
        // The middle ones were used before the small ones, so both go.
        made_and_freed(large, 1);
        assert_eq!((kept(), allocator.kept().bytes), ([true, false, true], 6 * SMALLEST));
        // One that would not fit alone is not kept, and nothing goes for it.
        made_and_freed(Layout::from_size_align(8 * SMALLEST, 8).unwrap(), 1);
        assert_eq!((kept(), allocator.kept().bytes), ([true, false, true], 6 * SMALLEST));
    }
}
