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
}
