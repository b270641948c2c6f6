//! Where the ground ends in a picture.

use video::Frame;

use super::view::USUAL_HORIZON;

/// How far horizons lie from the usual one, as a share of the picture's height (one standard deviation).
const SPREAD: f32 = 0.12;
/// Change of a channel, of 255, below which an edge is none.
const LEAST_EDGE: f32 = 5.0;
/// Rows on either side of an edge that are compared.
const ROWS: usize = 2;

/// The horizon as a share of the height from the top: the row across which colours change most in most columns, near
/// where horizons usually are. `None` where no row stands out.
pub(crate) fn horizon(picture: &Frame) -> Option<f32> {
    let size = picture.resolution();
    let (width, height) = (size.width() as usize, size.height() as usize);
    let value =
        |row: usize, column: usize, channel: usize| f32::from(picture.rgb()[(row * width + column) * 3 + channel]);
    let mean = |rows: std::ops::Range<usize>, column: usize, channel: usize| {
        rows.map(|row| value(row, column, channel)).sum::<f32>() / ROWS as f32
    };
    let edge = |row: usize| {
        let change = |column: usize| {
            let of = |channel| (mean(row - ROWS..row, column, channel) - mean(row..row + ROWS, column, channel)).abs();
            (0..3).map(of).fold(0.0, f32::max)
        };
        let mut changes: Vec<f32> = (0..width).map(change).collect();
        *changes.select_nth_unstable_by(width / 2, f32::total_cmp).1
    };
    let likely = |row: usize| {
        let apart = (row as f32 / height as f32 - USUAL_HORIZON) / SPREAD;
        (-0.5 * apart * apart).exp()
    };
    let rows = ROWS..height.saturating_sub(ROWS);
    let best = rows.map(|row| (row, edge(row))).filter(|(_, edge)| *edge >= LEAST_EDGE);
    let best =
        best.max_by(|(row, edge), (other, strength)| (edge * likely(*row)).total_cmp(&(strength * likely(*other))));
    best.map(|(row, _)| row as f32 / height as f32)
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    #[test]
    fn the_row_where_most_columns_change_is_the_horizon() {
        let (width, height) = (48, 64);
        let picture = |ground: u8| {
            let colour = |index: usize| {
                let (row, column) = (index / width, index % width);
                match row {
                    // A box that stands on the ground is as strong an edge, in few columns.
                    30..50 if (10..26).contains(&column) => [200, 20, 20],
                    0..27 => [120 + row as u8, 160, 220],
                    _ => [ground, 160 - (ground / 8), 220 - ground],
                }
            };
            let rgb = (0..width * height).flat_map(colour).collect();
            Frame::new(Resolution::new(width as u32, height as u32).unwrap(), rgb).unwrap()
        };
        assert_eq!(horizon(&picture(60)), Some(27.0 / 64.0));
        let grey = Frame::filled(Resolution::new(48, 64).unwrap(), [90; 3]);
        assert_eq!(horizon(&grey), None);
    }
}
