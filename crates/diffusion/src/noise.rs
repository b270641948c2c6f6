//! Gaussian noise that depends on nothing but its seed and its place.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand::RngCore;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::Sigma;

/// Standard Gaussian noise, one seed per batch element.
///
/// The same seed gives the same bits on every machine, device and number of threads, whatever else is in the
/// batch. Every latent frame draws from its own stream, so that a longer clip begins with a shorter one's noise.
///
/// # Shapes  `[C, T, H, W]` and B seeds → `[B, C, T, H, W]`
pub fn noise(shape: [usize; 4], seeds: &[u64], device: &Device) -> Tensor<5> {
    noise_of_streams(shape, seeds, (0, device))
}

/// Further noise of the same seeds, other noise for each level to which something is noised with it.
///
/// It is none of what [`noise`] gives. Since the level names it, a walk that begins further down meets the same noise.
///
/// # Shapes  `[C, T, H, W]` and B seeds → `[B, C, T, H, W]`
pub fn fresh_noise(shape: [usize; 4], seeds: &[u64], level: Sigma, device: &Device) -> Tensor<5> {
    noise_of_streams(shape, seeds, (u64::from(level.value().to_bits()) << 32, device))
}

/// Noise whose latent frames draw from the streams that follow on the first.
fn noise_of_streams(
    [channels, frames, height, width]: [usize; 4],
    seeds: &[u64],
    (first, device): (u64, &Device),
) -> Tensor<5> {
    let frame_len = channels * height * width;
    let mut values = Vec::with_capacity(seeds.len() * frames * frame_len);
    for &seed in seeds {
        for frame in 0..frames {
            values.extend(normal_numbers(stream(seed, first + frame as u64)).take(frame_len));
        }
    }
    // [B, T, C, H, W]
    let values = TensorData::new(values, [seeds.len(), frames, channels, height, width]);
    // [B, C, T, H, W]
    Tensor::<5>::from_data(values, (device, DType::F32)).swap_dims(1, 2)
}

/// The random numbers of one stream of a seed.
///
/// The seed is the key itself, not stretched by a library's hash that may change between versions.
pub fn stream(seed: u64, stream: u64) -> ChaCha12Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = ChaCha12Rng::from_seed(key);
    rng.set_stream(stream);
    rng
}

/// Standard Gaussian numbers without end.
pub fn normal_numbers(mut rng: impl RngCore) -> impl Iterator<Item = f32> {
    std::iter::repeat_with(move || gaussian_pair(&mut rng)).flatten()
}

/// Two independent standard Gaussian numbers.
///
/// Formula:  √(−2 ln u₁)·(cos 2πu₂, sin 2πu₂)
///
/// `libm` is used because the standard library's logarithm and cosine differ between platforms in the last bit.
///
/// # Source  Box & Muller 1958
pub(crate) fn gaussian_pair(rng: &mut (impl RngCore + ?Sized)) -> [f32; 2] {
    // 53 random bits, in (0, 1] so that the logarithm is finite.
    let mut uniform = || ((rng.next_u64() >> 11) + 1) as f64 * (0.5f64).powi(53);
    let radius = (-2.0 * libm::log(uniform())).sqrt();
    let angle = std::f64::consts::TAU * uniform();
    [(radius * libm::cos(angle)) as f32, (radius * libm::sin(angle)) as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(shape: [usize; 4], seeds: &[u64]) -> Vec<f32> {
        noise(shape, seeds, &Device::default()).try_into_vec_as().unwrap()
    }

    #[test]
    fn is_standard_gaussian() {
        let x = values([4, 5, 64, 64], &[7]);
        let n = x.len() as f64;
        let moment = |power| x.iter().map(|&x| f64::from(x).powi(power)).sum::<f64>() / n;
        // Four standard errors of each moment.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error: f64 = moment(power) - expected;
            assert!(error.abs() < 4.0 * f64::sqrt(variance / n), "moment {power} is off by {error}");
        }
    }

    #[test]
    fn a_seed_gives_the_same_noise_whatever_else_is_in_the_batch() {
        let alone = values([2, 3, 4, 5], &[11]);
        let second = values([2, 3, 4, 5], &[3, 11]);
        assert_eq!(alone, second[alone.len()..]);
        assert_ne!(alone, second[..alone.len()]);
    }

    #[test]
    fn every_level_has_noise_of_its_own() {
        let fresh = |level| {
            let noise = fresh_noise([2, 3, 4, 5], &[11], Sigma::new(level).unwrap(), &Device::default());
            noise.try_into_vec_as::<f32>().unwrap()
        };
        assert_eq!(fresh(0.5), fresh(0.5));
        assert_ne!(fresh(0.5), fresh(0.25));
        assert_ne!(fresh(0.5), values([2, 3, 4, 5], &[11]));
    }

    #[test]
    fn a_longer_clip_begins_with_the_noise_of_a_shorter_one() {
        let device = Device::default();
        let short: Vec<f32> = noise([2, 3, 4, 5], &[11], &device).try_into_vec_as().unwrap();
        let long = noise([2, 6, 4, 5], &[11], &device).narrow(2, 0, 3);
        assert_eq!(short, long.try_into_vec_as::<f32>().unwrap());
    }
}
