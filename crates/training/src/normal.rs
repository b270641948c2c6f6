//! Normal numbers for the noise of a batch.

use rand::Rng;

/// Normal numbers from any generator, made two at a time (Box and Muller 1958).
pub(crate) struct NormalStream<R> {
    rng: R,
    spare: Option<f32>,
}

impl<R: Rng> NormalStream<R> {
    pub(crate) fn new(rng: R) -> Self {
        Self { rng, spare: None }
    }

    pub(crate) fn next(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.rng.random::<f32>()).ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.rng.random::<f32>()).sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}
