//! Where the camera stands and looks at each moment, and its path as a model takes it.

use glam::{Quat, Vec3};

use crate::{
    plan::CameraMove,
    stage::{Camera, Moment},
};

/// How the film is framed: what the camera looks at and how much of the world around it fits the picture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// Point in the middle of the picture, half way through the film.
    pub target: Vec3,
    /// Height in metres of what a square picture shows at the target.
    pub height: f32,
    /// Camera's height above the ground in metres.
    pub eye_height: f32,
    /// Direction from the target to the camera about the vertical; 0 looks along `-z`.
    pub azimuth: f32,
    /// Vertical field of view of a square picture, in radians.
    pub fov: f32,
}

impl View {
    /// The camera when `share` (0 to 1) of its path is done and the main object has moved by `travelled`.
    pub fn camera(&self, camera_move: CameraMove, share: f32, travelled: Vec3, aspect_ratio: f32) -> Camera {
        // Signed, so that the middle of the path is the plain view.
        let offset = eased(share.clamp(0.0, 1.0)) - 0.5;
        let mut target = self.target;
        let mut azimuth = self.azimuth;
        let mut distance = self.distance();
        let (mut yaw, mut pitch) = (0.0, 0.0);
        match camera_move {
            CameraMove::Still => {}
            CameraMove::PanLeft => yaw = offset * PAN * self.fov,
            CameraMove::PanRight => yaw = -offset * PAN * self.fov,
            CameraMove::TiltUp => pitch = offset * TILT * self.fov,
            CameraMove::TiltDown => pitch = -offset * TILT * self.fov,
            CameraMove::DollyIn => distance *= (-offset * DOLLY).exp(),
            CameraMove::DollyOut => distance *= (offset * DOLLY).exp(),
            CameraMove::OrbitLeft => azimuth -= offset * ORBIT,
            CameraMove::OrbitRight => azimuth += offset * ORBIT,
            CameraMove::Follow => target += travelled * FOLLOW,
        }
        let drop = (self.eye_height - self.target.y) / self.distance();
        let back = Vec3::new(azimuth.sin(), drop, azimuth.cos());
        let position = target + back * distance;
        let mut camera = Camera::looking_at(position, target, fov_for(self.fov, aspect_ratio));
        camera.pose.rotation =
            (Quat::from_rotation_y(yaw) * camera.pose.rotation * Quat::from_rotation_x(pitch)).normalize();
        camera
    }

    /// Horizontal distance from target to camera in metres.
    fn distance(&self) -> f32 {
        self.height / (2.0 * (0.5 * self.fov).tan())
    }
}

/// Turn of a whole pan, as a share of the field of view.
const PAN: f32 = 0.36;
/// Turn of a whole tilt, as a share of the field of view.
const TILT: f32 = 0.28;
/// Logarithm of the ratio of first and last distance.
const DOLLY: f32 = 0.5;
/// Angle of a whole orbit in radians.
const ORBIT: f32 = 0.85;
/// How much of the object's way the camera goes along.
const FOLLOW: f32 = 0.94;

/// Moves at once, and is gentle at both ends.
fn eased(share: f32) -> f32 {
    let smooth = share * share * (3.0 - 2.0 * share);
    0.7 * share + 0.3 * smooth
}

/// A picture taller than wide sees more above and below, so that what crosses it still fits.
fn fov_for(square_fov: f32, aspect_ratio: f32) -> f32 {
    2.0 * ((0.5 * square_fov).tan() * aspect_ratio.powf(-0.6).max(1.0)).atan()
}

/// The camera's path as a training input: six numbers for each moment, all zero for the first one.
///
/// The first three are where the camera is, in metres, in the axes of the first camera (`x` right, `y` up,
/// `z` backwards); the last three are its rotation from the first camera's as a rotation vector (axis times angle in
/// radians) in the same axes. So driving ahead is `-z`, and turning to the left is a positive rotation about `y`.
pub fn camera_path(moments: &[Moment]) -> Vec<[f32; 6]> {
    let Some(first) = moments.first().map(|moment| moment.camera.pose) else { return Vec::new() };
    let to_first = first.rotation.inverse();
    moments
        .iter()
        .map(|moment| {
            let pose = moment.camera.pose;
            let position = to_first * (pose.position - first.position);
            let turn = (to_first * pose.rotation).normalize();
            // Of the two quaternions for one rotation, take that of the shorter way round.
            let turn = if turn.w < 0.0 { -turn } else { turn }.to_scaled_axis();
            [position.x, position.y, position.z, turn.x, turn.y, turn.z]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_move_goes_the_way_its_name_says() {
        let path = |camera_move| last_of_path(camera_move);
        assert_eq!(path(CameraMove::Still), [0.0; 6]);
        assert!(path(CameraMove::PanLeft)[4] > 0.15 && path(CameraMove::PanRight)[4] < -0.15);
        assert!(path(CameraMove::TiltUp)[3] > 0.1 && path(CameraMove::TiltDown)[3] < -0.1);
        assert!(path(CameraMove::DollyIn)[2] < -1.0 && path(CameraMove::DollyOut)[2] > 1.0);
        let (left, right) = (path(CameraMove::OrbitLeft), path(CameraMove::OrbitRight));
        assert!(left[0] < -1.0 && left[4] < -0.5, "{left:?}");
        assert!(right[0] > 1.0 && right[4] > 0.5, "{right:?}");
        let follow = path(CameraMove::Follow);
        assert!(follow[0] > 1.5 && follow[3..] == [0.0; 3], "{follow:?}");
        assert!(camera_path(&[]).is_empty());
    }

    fn last_of_path(camera_move: CameraMove) -> [f32; 6] {
        let view = View { target: Vec3::Y, height: 3.0, eye_height: 1.4, azimuth: 0.0, fov: 0.7 };
        let moments: Vec<_> = [0.0_f32, 0.5, 1.0]
            .map(|time_secs| Moment {
                time_secs,
                camera: view.camera(camera_move, time_secs, Vec3::X * 2.0 * time_secs, 1.0),
                poses: Vec::new(),
            })
            .into();
        camera_path(&moments)[2]
    }
}
