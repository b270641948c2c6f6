//! Between RGB and the Y′CbCr that video carries: BT.709, limited range, 4:2:0 with chroma sited left.
//!
//! Everything misora writes into MP4 goes through here, and the file says so (SPS and `colr`).

use openh264::formats::YUVSource;

use crate::{Frame, Resolution};

const RED: f64 = 0.2126;
const BLUE: f64 = 0.0722;
const GREEN: f64 = 1.0 - RED - BLUE;
/// Cb = (B − Y) / `CB_SPAN`, and the same for Cr.
const CB_SPAN: f64 = 2.0 * (1.0 - BLUE);
const CR_SPAN: f64 = 2.0 * (1.0 - RED);

/// Fixed point with 16 bits below the point: the same result on every machine.
const fn fixed(value: f64) -> i32 {
    let scaled = value * 65536.0;
    if scaled < 0.0 { (scaled - 0.5) as i32 } else { (scaled + 0.5) as i32 }
}

const LUMA: [i32; 3] = {
    let (red, blue) = (fixed(RED * 219.0 / 255.0), fixed(BLUE * 219.0 / 255.0));
    [red, fixed(219.0 / 255.0) - red - blue, blue]
};
/// Rows sum to zero, so that grey has no colour.
const CB: [i32; 3] = {
    let (red, blue) = (fixed(-RED / CB_SPAN * 224.0 / 255.0), fixed(0.5 * 224.0 / 255.0));
    [red, -red - blue, blue]
};
const CR: [i32; 3] = {
    let (red, blue) = (fixed(0.5 * 224.0 / 255.0), fixed(-BLUE / CR_SPAN * 224.0 / 255.0));
    [red, -red - blue, blue]
};

fn weigh(weights: [i32; 3], rgb: [i32; 3]) -> i32 {
    weights[0] * rgb[0] + weights[1] * rgb[1] + weights[2] * rgb[2]
}

/// A picture as three planes; chroma has half the width and height.
pub(crate) struct Yuv420 {
    width: usize,
    height: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Yuv420 {
    /// Converts `frame`, repeating its right and bottom edges until it fills `width × height` (both even).
    pub(crate) fn from_frame(frame: &Frame, width: usize, height: usize) -> Self {
        let source_height = frame.resolution().height() as usize;
        let stride = frame.resolution().width() as usize * 3;
        let mut y = Vec::with_capacity(width * height);
        let mut u = Vec::with_capacity(width * height / 4);
        let mut v = Vec::with_capacity(width * height / 4);
        // Two lines added up, as one chroma line covers them.
        let mut sums = Vec::with_capacity(width);
        for row in (0..height).step_by(2) {
            sums.clear();
            sums.resize(width, [0; 3]);
            for row in [row, row + 1] {
                let line = row.min(source_height - 1) * stride;
                let pixels = frame.rgb()[line..line + stride].chunks_exact(3);
                let mut last = [0; 3];
                let mut pixels = pixels.map(|pixel| [pixel[0].into(), pixel[1].into(), pixel[2].into()]);
                for sum in &mut sums {
                    last = pixels.next().unwrap_or(last);
                    y.push((16 + ((weigh(LUMA, last) + 0x8000) >> 16)) as u8);
                    for channel in 0..3 {
                        sum[channel] += last[channel];
                    }
                }
            }
            // A chroma sample sits on its left luma column: weights 1 2 1 across.
            for column in (0..width).step_by(2) {
                let (left, middle, right) = (sums[column.saturating_sub(1)], sums[column], sums[column + 1]);
                let sum = [0, 1, 2].map(|channel| left[channel] + 2 * middle[channel] + right[channel]);
                u.push((128 + ((weigh(CB, sum) + 0x4_0000) >> 19)) as u8);
                v.push((128 + ((weigh(CR, sum) + 0x4_0000) >> 19)) as u8);
            }
        }
        Self { width, height, y, u, v }
    }
}

impl YUVSource for Yuv420 {
    fn dimensions(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.width, self.width / 2, self.width / 2)
    }

    fn y(&self) -> &[u8] {
        &self.y
    }

    fn u(&self) -> &[u8] {
        &self.u
    }

    fn v(&self) -> &[u8] {
        &self.v
    }
}

/// Converts the top left `resolution` of decoded planes to RGB; `None` when the planes are smaller.
pub(crate) fn frame_from_yuv(planes: &impl YUVSource, resolution: Resolution) -> Option<Frame> {
    const Y_GAIN: i32 = fixed(255.0 / 219.0);
    // Chroma arrives multiplied by 8, from the interpolation.
    const RED_FROM_CR: i32 = fixed(CR_SPAN * 255.0 / 224.0 / 8.0);
    const BLUE_FROM_CB: i32 = fixed(CB_SPAN * 255.0 / 224.0 / 8.0);
    const GREEN_FROM_CB: i32 = fixed(-CB_SPAN * BLUE / GREEN * 255.0 / 224.0 / 8.0);
    const GREEN_FROM_CR: i32 = fixed(-CR_SPAN * RED / GREEN * 255.0 / 224.0 / 8.0);

    let (width, height) = (resolution.width() as usize, resolution.height() as usize);
    let (coded_width, coded_height) = planes.dimensions();
    if coded_width < width || coded_height < height {
        return None;
    }
    let (last_column, last_row) = ((coded_width / 2).checked_sub(1)?, (coded_height / 2).checked_sub(1)?);
    let (y_stride, u_stride, v_stride) = planes.strides();

    let mut rgb = Vec::with_capacity(resolution.pixel_count() * 3);
    for row in 0..height {
        let luma = planes.y().get(row * y_stride..)?;
        let near = (row / 2).min(last_row);
        let far = if row % 2 == 0 { near.saturating_sub(1) } else { (near + 1).min(last_row) };
        let line = |plane: &[u8], stride: usize| -> Option<Vec<i32>> {
            let (near, far) = (plane.get(near * stride..)?, plane.get(far * stride..)?);
            Some(near.iter().zip(far).take(last_column + 1).map(|(&a, &b)| 3 * i32::from(a) + i32::from(b)).collect())
        };
        let (cb, cr) = (line(planes.u(), u_stride)?, line(planes.v(), v_stride)?);
        for (column, &y) in luma.iter().take(width).enumerate() {
            let left = (column / 2).min(last_column);
            let right = if column % 2 == 0 { left } else { (left + 1).min(last_column) };
            let cb = cb.get(left)? + cb.get(right)? - 1024;
            let cr = cr.get(left)? + cr.get(right)? - 1024;
            let y = (i32::from(y) - 16) * Y_GAIN + 0x8000;
            let red = y + RED_FROM_CR * cr;
            let green = y + GREEN_FROM_CB * cb + GREEN_FROM_CR * cr;
            let blue = y + BLUE_FROM_CB * cb;
            rgb.extend([red, green, blue].map(|channel| (channel >> 16).clamp(0, 255) as u8));
        }
    }
    Frame::new(resolution, rgb).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(colour: [u8; 3]) -> [u8; 3] {
        let frame = Frame::filled(Resolution::new(2, 2).unwrap(), colour);
        let yuv = Yuv420::from_frame(&frame, 2, 2);
        [yuv.y[0], yuv.u[0], yuv.v[0]]
    }

    /// Values of BT.709 colour bars at 100 %, limited range, as in ITU-R BT.709-6 and SMPTE RP 219.
    #[test]
    fn primaries_have_their_standard_values() {
        assert_eq!(convert([0, 0, 0]), [16, 128, 128]);
        assert_eq!(convert([255, 255, 255]), [235, 128, 128]);
        assert_eq!(convert([255, 0, 0]), [63, 102, 240]);
        assert_eq!(convert([0, 255, 0]), [173, 42, 26]);
        assert_eq!(convert([0, 0, 255]), [32, 240, 118]);
        assert_eq!(convert([255, 255, 0]), [219, 16, 138]);
    }

    #[test]
    fn there_and_back_is_nearly_exact_and_unbiased() {
        let resolution = Resolution::new(4, 4).unwrap();
        let (mut bias, mut worst, mut count) = ([0i32; 3], 0, 0);
        for index in 0..4096u32 {
            let colour = [index >> 8, (index >> 4) & 15, index & 15].map(|level| (level * 17) as u8);
            let yuv = Yuv420::from_frame(&Frame::filled(resolution, colour), 4, 4);
            let back = frame_from_yuv(&yuv, resolution).unwrap();
            for channel in 0..3 {
                let error = i32::from(back.rgb()[channel]) - i32::from(colour[channel]);
                bias[channel] += error;
                worst = worst.max(error.abs());
            }
            count += 1;
        }
        assert!(worst <= 3, "{worst}");
        assert!(bias.iter().all(|bias| bias.abs() * 20 < count), "{bias:?} over {count}");
    }

    #[test]
    fn greys_have_no_colour() {
        for level in 0..=255 {
            assert_eq!(convert([level; 3])[1..], [128, 128]);
        }
    }

    #[test]
    fn a_horizontal_ramp_keeps_its_place() {
        // A shift of the chroma by half a pixel would show as an error of constant sign.
        let resolution = Resolution::new(64, 8).unwrap();
        let rgb = (0..8).flat_map(|_| (0..64u8).flat_map(|x| [x * 4, 128, 255 - x * 4])).collect();
        let frame = Frame::new(resolution, rgb).unwrap();
        let back = frame_from_yuv(&Yuv420::from_frame(&frame, 64, 8), resolution).unwrap();
        let errors = |channel: usize| -> i32 {
            (2..62).map(|x| i32::from(back.rgb()[x * 3 + channel]) - i32::from(frame.rgb()[x * 3 + channel])).sum()
        };
        assert!(errors(0).abs() < 30 && errors(2).abs() < 30, "{} {}", errors(0), errors(2));
    }
}
