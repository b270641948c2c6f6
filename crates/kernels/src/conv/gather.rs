//! Collects what the taps of a kernel see at each position into the rows of a matrix.

use std::ops::Range;

use super::frames::Frames;

/// Where the taps of each output position lie. Channels are last everywhere.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gather {
    pub(super) batch: usize,
    pub(super) frames_out: usize,
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// Taps in time, height and width.
    pub(super) kernel: [usize; 3],
}

impl Gather {
    /// Output positions, in the order batch, frame, row, column.
    pub(super) fn positions(&self) -> usize {
        self.batch * self.frames_out * self.height * self.width
    }

    /// A line is the taps of one frame and row, whose inputs mostly lie side by side.
    pub(super) fn lines(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Values that a line of taps gathers.
    pub(super) fn line_len(&self) -> usize {
        self.kernel[2] * self.channels
    }

    /// Writes one row per position: what the taps of `lines` see there, zeros outside the input.
    pub(super) fn fill(&self, frames: Frames<'_>, positions: Range<usize>, lines: Range<usize>, out: &mut [f32]) {
        let [_, kh, kw] = self.kernel;
        let row_len = lines.len() * self.line_len();
        for (position, row) in positions.zip(out.chunks_exact_mut(row_len.max(1))) {
            let column = position % self.width;
            let rest = position / self.width;
            let (line, rest) = (rest % self.height, rest / self.height);
            let (frame, sample) = (rest % self.frames_out, rest / self.frames_out);
            // Taps that fall left or right of the picture, the same for all lines.
            let left = (kw / 2).saturating_sub(column);
            let right = (column + kw - kw / 2).saturating_sub(self.width);
            let taps = left * self.channels..(kw - right).max(left) * self.channels;
            for (tap, cells) in lines.clone().zip(row.chunks_exact_mut(self.line_len())) {
                let source_line = (line + tap % kh).checked_sub(kh / 2).filter(|line| *line < self.height);
                let (Some(source), Some(source_line)) = (frames.get(sample, frame + tap / kh), source_line) else {
                    cells.fill(0.0);
                    continue;
                };
                let start = (source_line * self.width + column + left - kw / 2) * self.channels;
                cells[..taps.start].fill(0.0);
                cells[taps.clone()].copy_from_slice(&source[start..start + taps.len()]);
                cells[taps.end..].fill(0.0);
            }
        }
    }
}
