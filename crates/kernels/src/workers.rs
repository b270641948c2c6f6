//! Where computing is begun.

use burn::tensor::Device;

use crate::cpu;

/// Runs what only computes on one of the threads that compute, where the device is the CPU.
///
/// A thread that is not one of them hands every operation over, sleeps until it is done, and is woken; by then the
/// others have begun to fall asleep. On one of them, each operation starts at once. `body` must not wait for another
/// thread, which may in turn wait for this one; and where several passes run at once, one that waits for the rest of an
/// operation may take up another pass meanwhile.
///
/// Measured on two cores, products of 1280×384 and 384×384 that begin with all threads asleep: 135 GFLOP/s from
/// elsewhere, 240 from one of them.
pub fn on_workers<R: Send>(device: &Device, body: impl FnOnce() -> R + Send) -> R {
    if cpu::is_cpu(device) { rayon::scope(|_| body()) } else { body() }
}

/// Runs two passes that only compute at the same time, where the device is the CPU: a thread with a pass of its own needs
/// nothing from another until the end, and threads without one help with the operations of both.
pub fn side_by_side<A: Send, B: Send>(
    device: &Device,
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
) -> (A, B) {
    if cpu::is_cpu(device) { rayon::join(a, b) } else { (a(), b()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_computes_on_its_workers() {
        assert_eq!(rayon::current_thread_index(), None);
        let nested = || on_workers(&Device::flex(), rayon::current_thread_index);
        let [outer, inner] = on_workers(&Device::flex().autodiff(), || [rayon::current_thread_index(), nested()]);
        assert!(outer.is_some());
        assert_eq!(outer, inner);
    }

    #[test]
    fn two_passes_are_begun_on_workers() {
        let place = rayon::current_thread_index;
        let (a, b) = side_by_side(&Device::flex(), || ("a", place()), || ("b", place()));
        assert_eq!((a.0, b.0), ("a", "b"));
        assert!(a.1.is_some() && b.1.is_some());
    }
}
