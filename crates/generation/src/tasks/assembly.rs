//! The order of a finished video: frames as they came, and frames that were made.

use video::{Frame, VideoError};

use crate::joints::Origin;

/// A part of a finished video.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Frames as they came.
    Given(Vec<Frame>),
    /// Numbers of frames that were made, none smaller than the one before.
    Made(Vec<usize>),
}

impl Piece {
    /// The frames that came, if these are such.
    pub(super) fn given(&self) -> Option<&[Frame]> {
        match self {
            Self::Given(frames) => Some(frames),
            Self::Made(_) => None,
        }
    }

    /// Frames of the video.
    pub fn num_frames(&self) -> usize {
        match self {
            Self::Given(frames) => frames.len(),
            Self::Made(numbers) => numbers.len(),
        }
    }
}

/// What is done to a frame that was made, by its number.
pub type Finish = Box<dyn Fn(usize, Frame) -> Result<Frame, VideoError>>;

/// A video on its way, while frames are made one after another.
pub struct Assembly<'a> {
    pieces: &'a [Piece],
    finish: &'a Finish,
    /// Frames of the first piece that are written.
    written: usize,
    /// Frames that were made.
    made: usize,
}

impl<'a> Assembly<'a> {
    /// Begins at the first piece.
    pub fn new(pieces: &'a [Piece], finish: &'a Finish) -> Self {
        Self { pieces, finish, written: 0, made: 0 }
    }

    /// Takes the next frame that was made, and writes all that can be written now, each with where it comes from.
    ///
    /// # Errors
    /// Those of `write`, and of what is done to frames.
    pub fn add(
        &mut self,
        frame: Frame,
        write: &mut dyn FnMut((Origin, Frame)) -> Result<(), VideoError>,
    ) -> Result<(), VideoError> {
        let (number, mut finished) = (self.made, None);
        self.made += 1;
        while let Some((piece, rest)) = self.pieces.split_first() {
            match piece {
                Piece::Given(frames) => {
                    frames.iter().try_for_each(|frame| write((Origin::Given, frame.clone())))?;
                }
                Piece::Made(numbers) => {
                    while numbers.get(self.written) == Some(&number) {
                        let frame = match &finished {
                            None => finished.insert((self.finish)(number, frame.clone())?),
                            Some(frame) => frame,
                        };
                        write((Origin::made(0, number), frame.clone()))?;
                        self.written += 1;
                    }
                    if self.written < numbers.len() {
                        return Ok(());
                    }
                }
            }
            (self.pieces, self.written) = (rest, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use video::Resolution;

    use super::*;

    fn frame(number: u8) -> Frame {
        Frame::filled(Resolution::new(16, 16).unwrap(), [number; 3])
    }

    #[test]
    fn frames_come_in_the_order_of_the_pieces() {
        let pieces = [
            Piece::Made(vec![1, 1, 3]),
            Piece::Given(vec![frame(90), frame(91)]),
            Piece::Made(vec![5]),
            Piece::Given(vec![frame(92)]),
        ];
        let finish: Finish = Box::new(|number, frame| {
            assert_eq!(usize::from(frame.rgb()[0]), number);
            Ok(Frame::filled(frame.resolution(), [frame.rgb()[0] + 10; 3]))
        });
        let (mut assembly, mut order) = (Assembly::new(&pieces, &finish), Vec::new());
        for number in 0..8 {
            let mut write = |(origin, frame): (Origin, Frame)| {
                order.push(frame.rgb()[0]);
                let made = order
                    .last()
                    .filter(|value| **value < 90)
                    .map(|value| Origin::Made { part: 0, latent_frame: (*value as usize - 10).div_ceil(4) });
                assert_eq!(origin, made.unwrap_or(Origin::Given));
                Ok(())
            };
            assembly.add(frame(number), &mut write).unwrap();
        }
        assert_eq!(order, [11, 11, 13, 90, 91, 15, 92]);
        assert_eq!(pieces.iter().map(Piece::num_frames).sum::<usize>(), order.len());
    }
}
