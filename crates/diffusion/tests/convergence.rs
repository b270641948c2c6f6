//! Each sampler's order, on a mixture of Gaussians whose flow is known exactly.
#![allow(clippy::unwrap_used, missing_docs, reason = "a test may panic and explains itself by its name")]

mod common;

use common::{canvas_at, exact, mixture, tensor, values};
use diffusion::{Sampler, Schedule, Sigma, Silent};

#[test]
fn every_sampler_has_its_order_between_two_levels() {
    let [top, bottom] = [0.9, 0.1];
    for sampler in integrators() {
        let order = measured_order(sampler, &[8, 12, 16, 24, 32], |steps| {
            let level = |i: usize| top + (bottom - top) * i as f32 / steps as f32;
            (0..=steps).map(|i| Sigma::new(level(i)).unwrap()).collect()
        });
        println!("{sampler}: order {order:.2} from {top} to {bottom}");
        let expected = match sampler {
            Sampler::Euler => 0.9..1.1,
            Sampler::Heun => 1.9..2.2,
            Sampler::DpmSolverPp2M => 1.9..2.3,
            // Its corrector lifts UniP-2's order by one.
            Sampler::UniPc => 2.5..3.3,
            Sampler::Dmd => unreachable!(),
        };
        assert!(expected.contains(&order), "{sampler} is of order {order}");
    }
}

#[test]
fn every_sampler_has_its_order_from_noise_to_data() {
    for sampler in integrators() {
        let steps = [64, 96, 128, 192, 256, 384, 512];
        let order = measured_order(sampler, &steps, |steps| Schedule::Linear.sigmas(steps).unwrap());
        println!("{sampler}: order {order:.2} from 1 to 0");
        let expected = match sampler {
            Sampler::Euler => 0.9..1.1,
            Sampler::Heun => 1.9..2.2,
            // Their time λ is infinite at both ends, so that equal steps in σ are never small in λ there, however
            // many. This costs a factor of ln n: error (ln n)/n² measures as 1.8 and less at these n.
            Sampler::DpmSolverPp2M | Sampler::UniPc => 1.6..2.2,
            Sampler::Dmd => unreachable!(),
        };
        assert!(expected.contains(&order), "{sampler} is of order {order}");
    }
}

/// All but the sampler that follows no equation.
fn integrators() -> impl Iterator<Item = Sampler> {
    Sampler::ALL.into_iter().filter(|sampler| *sampler != Sampler::Dmd)
}

/// The slope of log error over log steps, by least squares.
fn measured_order(sampler: Sampler, steps: &[usize], sigmas: impl Fn(usize) -> Vec<Sigma>) -> f64 {
    let points: Vec<[f64; 2]> =
        steps.iter().map(|&steps| [(steps as f64).ln(), error(sampler, &sigmas(steps)).ln()]).collect();
    let n = points.len() as f64;
    let [x_mean, y_mean] = [0, 1].map(|axis| points.iter().map(|point| point[axis]).sum::<f64>() / n);
    let covariance: f64 = points.iter().map(|[x, y]| (x - x_mean) * (y - y_mean)).sum();
    let variance: f64 = points.iter().map(|[x, _]| (x - x_mean).powi(2)).sum();
    -covariance / variance
}

/// The root mean square error over points that are spread over the noise.
fn error(sampler: Sampler, sigmas: &[Sigma]) -> f64 {
    let initial: Vec<f32> = (0..48).map(|i| -2.2 + 4.4 * i as f32 / 47.0).collect();
    let [first, last] = [sigmas[0], sigmas[sigmas.len() - 1]];
    let canvas = canvas_at(first, tensor(initial.clone(), [1, 1, 3, 4, 4]));
    let ours = values(sampler.sample(&mixture, canvas, sigmas, &mut Silent).unwrap().latents);
    let squares = initial.iter().zip(ours).map(|(&x, ours)| (f64::from(ours) - exact(x, first, last)).powi(2));
    let error = (squares.sum::<f64>() / initial.len() as f64).sqrt();
    println!("{sampler}: {} steps, error {error:.2e}", sigmas.len() - 1);
    error
}
