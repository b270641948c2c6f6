//! Random numbers that are the same in every run.

use std::cell::Cell;
use std::sync::Mutex;

use burn::tensor::{Device, Distribution, Tensor};

/// Normal random numbers. Each thread, and thereby each test, has a sequence of its own, always the same.
pub fn random<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    /// The seed is the device's, which all tests share.
    static DRAWING: Mutex<()> = Mutex::new(());
    thread_local! { static DRAWN: Cell<u64> = const { Cell::new(0) } }
    let _alone = DRAWING.lock().expect("drawing does not panic");
    device.seed(DRAWN.replace(DRAWN.get() + 1));
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), device)
}
