//! Structural similarity that can be differentiated: likeness of neighbourhoods rather than of single pixels.

use burn::tensor::{Device, Tensor, TensorData};

/// Side of the Gaussian window in pixels.
pub const WINDOW: usize = 11;
/// Standard deviation of the Gaussian window in pixels.
const WINDOW_SIGMA: f32 = 1.5;
/// Difference between black and white.
const PEAK: f32 = 2.0;
/// Keeps the comparison of means steady where both are near 0.
const C1: f32 = (0.01 * PEAK) * (0.01 * PEAK);
/// Keeps the comparison of variances steady where both are near 0.
const C2: f32 = (0.03 * PEAK) * (0.03 * PEAK);

/// Mean structural similarity of two videos, over all frames, channels, and windows that lie inside the picture.
///
/// Formula:  (2·μₓ·μᵧ + C₁)·(2·σₓᵧ + C₂) / ((μₓ² + μᵧ² + C₁)·(σₓ² + σᵧ² + C₂)), weighted by a Gaussian of σ = 1.5 in a
/// window of 11×11
///
/// # Shapes  both `[B, C, T, H, W]`, H and W at least [`WINDOW`]; the result one number
/// # Units   pixels from −1 to 1; the result from −1 to 1
/// # Source  Wang et al. 2004, section III-B; as a loss Zhao et al. 2017, Loss Functions for Image Restoration
pub fn similarity(x: Tensor<5>, y: Tensor<5>) -> Tensor<1> {
    let [_, _, _, height, width] = x.dims();
    let windows = [height, width].map(|length| windows(length, &x.device()));
    let blur = |values: Tensor<5>| blurred(values, &windows);
    let (mean_x, mean_y) = (blur(x.clone()), blur(y.clone()));
    let products = mean_x.clone() * mean_y.clone();
    let squares = mean_x.powi_scalar(2) + mean_y.powi_scalar(2);
    let covariance = blur(x.clone() * y.clone()) - products.clone();
    let variances = blur(x.powi_scalar(2) + y.powi_scalar(2)) - squares.clone();
    let means = (products * 2.0 + C1) / (squares + C1);
    let structures = (covariance * 2.0 + C2) / (variances + C2);
    (means * structures).mean()
}

/// A matrix whose columns are the Gaussian at all places where it lies inside: `[length, length − 10]`.
fn windows(length: usize, device: &Device) -> Tensor<2> {
    let weights = gaussian();
    let places = length + 1 - WINDOW;
    let mut values = vec![0.0; length * places];
    for place in 0..places {
        for (offset, weight) in weights.iter().enumerate() {
            values[(place + offset) * places + place] = *weight;
        }
    }
    Tensor::from_data(TensorData::new(values, [length, places]), device)
}

/// A Gaussian that sums to 1.
fn gaussian() -> [f32; WINDOW] {
    let centre = (WINDOW / 2) as f32;
    let weights: [f32; WINDOW] =
        std::array::from_fn(|i| (-(i as f32 - centre).powi(2) / (2.0 * WINDOW_SIGMA * WINDOW_SIGMA)).exp());
    let sum: f32 = weights.iter().sum();
    weights.map(|weight| weight / sum)
}

/// Weighted means over all windows, as two products with matrices: `[rows, height]`, in an order that only pictures of
/// the same size share.
fn blurred(values: Tensor<5>, [vertical, horizontal]: &[Tensor<2>; 2]) -> Tensor<2> {
    let [b, c, t, height, width] = values.dims();
    let pictures = b * c * t;
    let rows = values.reshape([pictures * height, width]).matmul(horizontal.clone());
    let width = horizontal.dims()[1];
    let columns = rows.reshape([pictures, height, width]).swap_dims(1, 2).reshape([pictures * width, height]);
    columns.matmul(vertical.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two related videos, `[1, 2, 1, 13, 12]`.
    fn pair(device: &Device) -> [Tensor<5>; 2] {
        [0.0_f32, 0.8].map(|phase| {
            let values: Vec<f32> = (0..2 * 13 * 12).map(|i| (i as f32 * 0.37 + phase).sin() * 0.9).collect();
            Tensor::from_data(TensorData::new(values, [1, 2, 1, 13, 12]), device)
        })
    }

    /// The formula, window by window.
    fn reference(x: &[f32], y: &[f32]) -> f64 {
        let weights = gaussian().map(f64::from);
        let mut total = 0.0;
        for picture in 0..2 {
            for (top, left) in (0..3).flat_map(|top| (0..2).map(move |left| (top, left))) {
                let mut sums = [0.0; 5];
                for (row, column) in (0..11).flat_map(|row| (0..11).map(move |column| (row, column))) {
                    let at = picture * 156 + (top + row) * 12 + left + column;
                    let (x, y) = (f64::from(x[at]), f64::from(y[at]));
                    for (sum, value) in sums.iter_mut().zip([x, y, x * x, y * y, x * y]) {
                        *sum += weights[row] * weights[column] * value;
                    }
                }
                let [mx, my, xx, yy, xy] = sums;
                let (c1, c2) = (4e-4, 3.6e-3);
                let means = (2.0 * mx * my + c1) / (mx * mx + my * my + c1);
                total += means * (2.0 * (xy - mx * my) + c2) / (xx - mx * mx + yy - my * my + c2);
            }
        }
        total / 12.0
    }

    #[test]
    fn it_is_the_formula() {
        let [x, y] = pair(&Device::flex());
        let values = |tensor: &Tensor<5>| tensor.to_data().try_to_vec::<f32>().unwrap();
        let expected = reference(&values(&x), &values(&y));
        let found = f64::from(similarity(x.clone(), y).into_scalar::<f32>());
        assert!((found - expected).abs() < 1e-5, "{found} instead of {expected}");
        assert!((similarity(x.clone(), x).into_scalar::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn its_slope_is_the_quotient_of_differences() {
        let device = Device::flex().autodiff();
        let [x, y] = pair(&device);
        let x = x.require_grad();
        let slope = x.grad(&similarity(x.clone(), y.clone()).backward()).unwrap();
        let slope = slope.into_data().try_into_vec::<f32>().unwrap();
        let moved = |by: f32| {
            let mut values = x.to_data().try_to_vec::<f32>().unwrap();
            values[80] += by;
            similarity(Tensor::from_data(TensorData::new(values, x.dims()), &device), y.clone()).into_scalar::<f32>()
        };
        let quotient = (moved(1e-2) - moved(-1e-2)) / 2e-2;
        assert!((slope[80] - quotient).abs() < 0.02 * quotient.abs(), "{} instead of {quotient}", slope[80]);
    }
}
