//! Things that stand on the ground of a picture, told from it by their colour.

use std::ops::Range;

use video::{Frame, VideoError};

use super::view::View;

/// How much brighter or darker, and more coloured, than its row a pixel of a thing is at least, of 255.
const BRIGHTER: f32 = 22.0;
const COLOURED: f32 = 14.0;
/// Shares of a row and of the ground that are looked past at either end of what they look like.
const OF_ROW: f32 = 0.3;
const OF_GROUND: f32 = 0.35;
/// Rows below the horizon, as a share of the height, that may lie in haze.
const HAZE: f32 = 0.06;
/// Rows below the horizon, as a share of the height, that a thing reaches down at least.
const LEAST_REACH: f32 = 0.05;
/// Shares of the picture: what is smaller is a speck, and when all together are larger nothing is told from the ground.
const LEAST_AREA: f32 = 0.002;
const MOST_AREA: f32 = 0.35;

/// More than these are told apart in no picture.
const MOST_THINGS: usize = 64;

/// What stands where in one picture.
#[derive(Clone, Debug)]
pub(crate) struct Things {
    /// For each pixel which thing it belongs to, counted from 1; 0 for ground and sky.
    pub(crate) owner: Vec<u16>,
    /// How far away each thing stands, in metres along the ground, in the order of their numbers.
    pub(crate) distances: Vec<f32>,
    /// The picture without them.
    pub(crate) behind: Frame,
}

/// The rows from top to foot of the largest thing on the ground of a picture, if there is one.
pub(crate) fn largest_thing(picture: &Frame, view: &View) -> Option<Range<f32>> {
    let size = picture.resolution();
    let (width, height) = (size.width() as usize, size.height() as usize);
    let things = standing(picture, view);
    let area: usize = things.iter().map(Vec::len).sum();
    let largest = things.into_iter().max_by_key(Vec::len)?;
    let rows = largest.iter().map(|pixel| pixel / width);
    let (top, foot) = (rows.clone().min()?, rows.max()?);
    // One row on either side is not its own; what is cut off, or all of the ground, says nothing of its size.
    let is_whole = top > 0 && foot + 1 < height && area as f32 <= MOST_AREA * (width * height) as f32;
    is_whole.then_some(top as f32 + 1.0..foot as f32)
}

impl Things {
    /// Finds them.
    ///
    /// # Errors
    /// [`VideoError`] never, since sizes stay.
    pub(crate) fn find(picture: &Frame, view: &View) -> Result<Self, VideoError> {
        let mut owner = vec![0_u16; picture.resolution().pixel_count()];
        let width = picture.resolution().width() as usize;
        let mut distances = Vec::new();
        for pixels in standing(picture, view) {
            if let Some(distance) = view.ground_distance(foot(&pixels, width)) {
                distances.push(distance);
                let number = distances.len() as u16;
                pixels.into_iter().for_each(|pixel| owner[pixel] = number);
            }
        }
        let area = owner.iter().filter(|owner| **owner > 0).count();
        if area as f32 > MOST_AREA * owner.len() as f32 {
            return Ok(Self { owner: vec![0; owner.len()], distances: Vec::new(), behind: picture.clone() });
        }
        let behind = filled(picture, &owner)?;
        Ok(Self { owner, distances, behind })
    }
}

/// The pixels of each thing on the ground.
fn standing(picture: &Frame, view: &View) -> Vec<Vec<usize>> {
    let size = picture.resolution();
    let (width, height) = (size.width() as usize, size.height() as usize);
    let horizon = view.horizon();
    // Edges are soft, and holes are closed.
    let wide = widened(&widened(&different(picture, horizon), width), width);
    let outside: Vec<bool> = wide.iter().map(|wide| !wide).collect();
    let differs: Vec<bool> = widened(&outside, width).into_iter().map(|outside| !outside).collect();
    let mut visited = vec![false; differs.len()];
    let mut things = Vec::new();
    for start in 0..differs.len() {
        if visited[start] || !differs[start] || ((start / width) as f32) < horizon {
            continue;
        }
        let pixels = connected(start, &differs, (width, horizon), &mut visited);
        let reaches = foot(&pixels, width) >= horizon + LEAST_REACH * height as f32;
        if reaches && pixels.len() as f32 >= LEAST_AREA * differs.len() as f32 && things.len() < MOST_THINGS {
            things.push(pixels);
        }
    }
    things
}

/// The lowest row of a thing; the one below it is no longer its own.
fn foot(pixels: &[usize], width: usize) -> f32 {
    pixels.iter().map(|pixel| pixel / width).max().unwrap_or_default() as f32
}

/// Light and colour of a pixel.
type Look = [f32; 3];

/// Whether each pixel differs from what its row mostly looks like, as far as the ground does anywhere.
fn different(picture: &Frame, horizon: f32) -> Vec<bool> {
    let width = picture.resolution().width() as usize;
    let look = |rgb: &[u8]| {
        let [r, g, b] = [rgb[0], rgb[1], rgb[2]].map(f32::from);
        let light = 0.3 * r + 0.6 * g + 0.1 * b;
        [light, r - light, b - light]
    };
    let looks: Vec<Look> = picture.rgb().chunks_exact(3).map(look).collect();
    let ground = &looks[width * (horizon.max(0.0) as usize).min(looks.len() / width - 1)..];
    let usual_ground = usual(ground, OF_GROUND);
    let near = (horizon + HAZE * (looks.len() / width) as f32) as usize;
    let rows = looks.chunks_exact(width).enumerate().flat_map(|(index, row)| {
        let mut usual = usual(row, OF_ROW);
        for (part, ground) in usual.iter_mut().zip(&usual_ground) {
            let both = part.start.max(ground.start)..part.end.min(ground.end);
            // A row that is all unlike the ground is the sky, or far away in haze, or else all of it is hidden.
            if !both.is_empty() {
                *part = both;
            } else if index > near {
                *part = ground.clone();
            }
        }
        let margins = [BRIGHTER, COLOURED, COLOURED];
        let is_usual = move |look: &Look| {
            (0..3)
                .all(|part| (usual[part].start - margins[part]..=usual[part].end + margins[part]).contains(&look[part]))
        };
        row.iter().map(move |look| !is_usual(look))
    });
    rows.collect()
}

/// What looks mostly are, but for a share at either end.
fn usual(looks: &[Look], but: f32) -> [Range<f32>; 3] {
    std::array::from_fn(|part| {
        let mut values: Vec<f32> = looks.iter().map(|look| look[part]).collect();
        values.sort_unstable_by(f32::total_cmp);
        let at = |share: f32| values[((values.len() - 1) as f32 * share) as usize];
        // Never empty, so that what is alike overlaps.
        at(but) - 1.0..at(1.0 - but) + 1.0
    })
}

/// The same with one pixel more on every side.
fn widened(mask: &[bool], width: usize) -> Vec<bool> {
    let height = mask.len() / width;
    let around = |at: usize, side: usize| at.saturating_sub(1)..(at + 2).min(side);
    let any = |at: usize| {
        let columns = around(at % width, width);
        around(at / width, height).any(|row| columns.clone().any(|column| mask[row * width + column]))
    };
    (0..mask.len()).map(any).collect()
}

/// All that hangs together with a pixel: on the ground, and above the horizon over what is on the ground.
fn connected(start: usize, mask: &[bool], (width, horizon): (usize, f32), visited: &mut [bool]) -> Vec<usize> {
    let (mut open, mut found) = (vec![start], Vec::new());
    let mut columns = start % width..start % width + 1;
    visited[start] = true;
    let mut above = Vec::new();
    while let Some(pixel) = open.pop().or_else(|| {
        // Only now it is known how wide it is on the ground.
        above.pop().filter(|pixel: &usize| columns.contains(&(pixel % width)))
    }) {
        found.push(pixel);
        let (row, column) = (pixel / width, pixel % width);
        if row as f32 >= horizon {
            columns = columns.start.min(column)..columns.end.max(column + 1);
        }
        let neighbours = [
            (column > 0).then(|| pixel - 1),
            (column + 1 < width).then_some(pixel + 1),
            pixel.checked_sub(width),
            Some(pixel + width).filter(|below| *below < mask.len()),
        ];
        for next in neighbours.into_iter().flatten().filter(|next| mask[*next]) {
            if !std::mem::replace(&mut visited[next], true) {
                let is_above = ((next / width) as f32) < horizon;
                if is_above { &mut above } else { &mut open }.push(next);
            }
        }
    }
    found
}

/// Every row where somebody owns it from what lies to the left and to the right.
fn filled(picture: &Frame, owner: &[u16]) -> Result<Frame, VideoError> {
    let size = picture.resolution();
    let width = size.width() as usize;
    let mut rgb = picture.rgb().to_vec();
    for (row, owners) in rgb.chunks_exact_mut(3 * width).zip(owner.chunks_exact(width)) {
        let sharp = row.to_vec();
        for column in (0..width).filter(|column| owners[*column] > 0) {
            let left = owners[..column].iter().rposition(|owner| *owner == 0);
            let right = owners[column..].iter().position(|owner| *owner == 0).map(|right| column + right);
            let (left, right) = match (left, right) {
                (Some(left), Some(right)) => (left, right),
                (Some(one), None) | (None, Some(one)) => (one, one),
                (None, None) => continue,
            };
            // The nearer end as its mirror image, so that a texture goes on.
            let mirrored = |end: usize| (2 * end).saturating_sub(column).min(width - 1);
            let free = |place: usize, end: usize| if owners[place] == 0 { place } else { end };
            let [from_left, from_right] = [left, right].map(|end| free(mirrored(end), end));
            let share = if right > left { (column - left) as f32 / (right - left) as f32 } else { 0.0 };
            for channel in 0..3 {
                let [one, other] = [from_left, from_right].map(|from| f32::from(sharp[3 * from + channel]));
                row[3 * column + channel] = (one * (1.0 - share) + other * share).round() as u8;
            }
        }
    }
    Frame::new(size, rgb)
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    const SIDE: usize = 64;

    fn picture(things: &[[usize; 4]]) -> Frame {
        let colour = |index: usize| {
            let (row, column) = (index / SIDE, index % SIDE);
            let is_thing = |[left, top, right, bottom]: &[usize; 4]| {
                (*left..*right).contains(&column) && (*top..*bottom).contains(&row)
            };
            match row {
                _ if things.iter().any(is_thing) => [30, 40, 200],
                0..22 => [150, 180, 220],
                _ => [100 + (column % 5) as u8, 140, 70],
            }
        };
        let size = Resolution::new(SIDE as u32, SIDE as u32).unwrap();
        Frame::new(size, (0..SIDE * SIDE).flat_map(colour).collect()).unwrap()
    }

    #[test]
    fn things_stand_where_their_feet_are_and_hide_the_ground() {
        let picture = picture(&[[8, 24, 20, 44], [40, 18, 56, 54]]);
        let view = View::of(&picture);
        let things = Things::find(&picture, &view).unwrap();
        let owner = |row: usize, column: usize| things.owner[row * SIDE + column];
        assert_eq!(things.distances.len(), 2);
        assert_eq!((owner(58, 5), owner(5, 48)), (0, 0), "ground and sky belong to nobody");
        let [far, near] = [owner(30, 12), owner(30, 50)].map(|owner| things.distances[owner as usize - 1]);
        for (distance, foot) in [(far, 44.0), (near, 54.0)] {
            let expected = view.ground_distance(foot).unwrap();
            assert!((distance / expected - 1.0).abs() < 0.1, "{distance} {expected}");
        }
        assert_eq!(owner(19, 50), owner(30, 50), "it reaches above the horizon");
        let behind = &things.behind.rgb()[(40 * SIDE + 50) * 3..][..3];
        assert!(behind[2] < 90, "{behind:?}");
    }

    #[test]
    fn ground_alone_has_no_things() {
        let picture = picture(&[]);
        let things = Things::find(&picture, &View::of(&picture)).unwrap();
        assert!(things.distances.is_empty() && things.owner.iter().all(|owner| *owner == 0));
        assert_eq!(things.behind, picture);
    }
}
