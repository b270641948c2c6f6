//! Draws a stage at a moment: a small CPU ray tracer whose solids are all analytic.
//!
//! The same stage, moment and resolution give the same bytes, on any number of threads: nothing here is shared
//! between frames, so callers draw frames side by side.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `solid`, `body` | the unit solids, and solids posed in the world |
//! | `light`, `sky`, `ground` | what surrounds them |
//! | `lens`, `paint` | rays for a picture's pixels, and which of them are followed |
//! | `trace` | follows one ray |
//! | `weather` | stars, rain and snow, laid over the picture |
//! | `look`, `voxel` | drawing styles |
//! | `palette`, `texture`, `tone` | named colours, noise, linear light to sRGB |

mod body;
mod ground;
mod lens;
mod light;
mod look;
mod paint;
pub mod palette;
mod sky;
mod solid;
mod texture;
mod tone;
mod trace;
mod voxel;
mod weather;

use crate::stage::{Moment, Stage};
use body::Body;
use lens::Lens;
use paint::paint;
use trace::{Sample, Scene};
use video::{Frame, Resolution};

/// One drawn picture with its ground truth.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// What is seen.
    pub frame: Frame,
    /// Object index + 1 for each pixel, 0 for background, row by row from the top.
    pub ids: Vec<u8>,
    /// For each object, the share of its pixels that nothing stands in front of; 0 when it is outside the picture.
    pub visible: Vec<f32>,
}

/// Draws one stage at any moment; holds all that does not change during a film.
pub struct Renderer {
    stage: Stage,
    rig: light::Rig,
    sky: sky::Sky,
    ground: ground::Ground,
}

impl Renderer {
    /// Prepares for drawing `stage`; cheap enough to do for every clip.
    pub fn new(stage: &Stage) -> Self {
        let rig = light::Rig::new(stage);
        Self { sky: sky::Sky::new(stage, &rig), ground: ground::Ground::new(stage), rig, stage: stage.clone() }
    }

    /// Draws the picture and its ground truth.
    ///
    /// Objects without a pose in `moment` are left out.
    pub fn draw(&self, moment: &Moment, resolution: Resolution) -> Picture {
        let scene = self.scene(moment, resolution);
        let lens = Lens::new(moment, resolution);
        let (frame, samples) = paint(&scene, &lens, resolution);
        let ids = samples.iter().map(|sample| sample.id).collect();
        Picture { frame, ids, visible: visible_shares(&samples, self.stage.props.len()) }
    }

    /// Draws the picture alone, a little faster.
    pub fn draw_frame(&self, moment: &Moment, resolution: Resolution) -> Frame {
        paint(&self.scene(moment, resolution), &Lens::new(moment, resolution), resolution).0
    }

    fn scene(&self, moment: &Moment, resolution: Resolution) -> Scene<'_> {
        let bodies = self
            .stage
            .props
            .iter()
            .zip(&moment.poses)
            .map(|(prop, pose)| Body::new(prop, pose, self.stage.look))
            .collect();
        Scene {
            stage: &self.stage,
            rig: &self.rig,
            sky: &self.sky,
            ground: &self.ground,
            bodies,
            time_secs: moment.time_secs,
            pixel: moment.camera.vertical_fov / resolution.height() as f32,
            rows: resolution.height() as f32,
        }
    }
}

/// Each object's seen pixels over the pixels that it would have alone.
fn visible_shares(samples: &[Sample], props: usize) -> Vec<f32> {
    let mut seen = vec![0u32; props];
    let mut alone = vec![0u32; props];
    for sample in samples {
        if sample.id > 0 {
            seen[usize::from(sample.id) - 1] += 1;
        }
        let mut met = sample.met;
        while met != 0 {
            alone[met.trailing_zeros() as usize] += 1;
            met &= met - 1;
        }
    }
    seen.iter().zip(&alone).map(|(&seen, &alone)| if alone == 0 { 0.0 } else { seen as f32 / alone as f32 }).collect()
}
