//! Suns, moons and lamps: what lights a stage, by daytime, weather and place.

use super::texture::hash01;
use crate::stage::{Daytime, Place, Stage, Weather};
use glam::Vec3;

/// One light with a round face.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Light {
    /// So far away that its rays are parallel.
    Sun {
        /// Unit direction to it.
        towards: Vec3,
        /// What a surface that faces it receives.
        colour: Vec3,
        /// Tangent of its angular radius: the softness of its shadows.
        spread: f32,
    },
    /// Near, fading with distance.
    Lamp {
        /// Where it hangs.
        position: Vec3,
        /// What a surface right below it on the ground receives.
        colour: Vec3,
        /// Its radius in metres.
        radius: f32,
    },
}

/// A light as one point sees it.
pub(crate) struct Incoming {
    pub(crate) towards: Vec3,
    pub(crate) colour: Vec3,
    pub(crate) spread: f32,
    pub(crate) reach: f32,
}

impl Light {
    pub(crate) fn at(&self, point: Vec3) -> Incoming {
        match *self {
            Self::Sun { towards, colour, spread } => Incoming { towards, colour, spread, reach: f32::MAX },
            Self::Lamp { position, colour, radius } => {
                let to_lamp = position - point;
                let distance = to_lamp.length();
                // Falls more gently than the inverse square, for a wide pool of light.
                let height = position.y * position.y;
                let strength = 2.0 * height / (height + distance * distance);
                Incoming {
                    towards: to_lamp / distance,
                    colour: colour * (strength * strength),
                    spread: radius / distance,
                    reach: distance,
                }
            }
        }
    }
}

/// Everything that lights a stage; exposure is part of the strengths, so it never changes during a film.
#[derive(Clone, Debug)]
pub(crate) struct Rig {
    /// The strongest first.
    pub(crate) lights: Vec<Light>,
    /// What a surface that faces up receives from the sky.
    pub(crate) ambient_up: Vec3,
    /// What a surface that faces down receives from the ground.
    pub(crate) ambient_down: Vec3,
    pub(crate) zenith: Vec3,
    pub(crate) horizon: Vec3,
    /// Around the sun.
    pub(crate) glow: Vec3,
    pub(crate) disc: Vec3,
    /// Unit direction to sun or moon in the sky.
    pub(crate) sun: Vec3,
    pub(crate) cloud_light: Vec3,
    pub(crate) cloud_shade: Vec3,
    /// 0 is a blue sky, 1 is overcast.
    pub(crate) cover: f32,
    /// Metres at which two thirds of the colour is fog.
    pub(crate) fog_metres: f32,
}

impl Rig {
    pub(crate) fn new(stage: &Stage) -> Self {
        let mut rig = by_daytime(stage);
        match stage.weather {
            Weather::Clear => {}
            Weather::Rain => rig.overcast(0.85, Vec3::new(0.52, 0.57, 0.63), 38.0),
            Weather::Snow => rig.overcast(0.7, Vec3::new(0.74, 0.77, 0.82), 30.0),
        }
        if stage.place == Place::Room {
            rig.move_indoors(stage);
        }
        rig
    }

    /// Draws clouds over: light comes from everywhere, shadows are faint and wide.
    fn overcast(&mut self, amount: f32, grey: Vec3, fog_metres: f32) {
        let brightness = luminance(self.horizon) * 0.75 + luminance(self.zenith) * 0.35;
        let veil = grey * (brightness * 1.35);
        self.horizon = self.horizon.lerp(veil * 1.08, amount);
        self.zenith = self.zenith.lerp(veil * 0.82, amount);
        self.cloud_light = self.cloud_light.lerp(veil * 1.15, amount);
        self.cloud_shade = self.cloud_shade.lerp(veil * 0.75, amount);
        self.glow *= 1.0 - amount;
        self.disc *= 0.0;
        self.cover = 0.9;
        self.fog_metres = fog_metres;
        let mut lost = 0.0;
        for light in &mut self.lights {
            if let Light::Sun { colour, spread, towards } = light {
                lost += luminance(*colour) * 0.55 * towards.y;
                *colour *= 0.45;
                *spread = 0.16;
            }
        }
        self.ambient_up += grey * lost;
        self.ambient_down += grey * (lost * 0.35);
    }

    /// Walls throw light back warmly; the sun comes in through a wide window behind the viewer.
    fn move_indoors(&mut self, stage: &Stage) {
        let bounce = luminance(self.ambient_up);
        self.ambient_up = self.ambient_up.lerp(Vec3::new(1.08, 1.0, 0.9) * bounce, 0.75);
        self.ambient_down = self.ambient_down.lerp(Vec3::new(1.1, 0.95, 0.8) * bounce, 0.75) * 0.9;
        for light in &mut self.lights {
            if let Light::Sun { towards, spread, colour } = light {
                towards.z = towards.z.abs().max(0.35);
                towards.y = towards.y.max(0.45);
                *towards = towards.normalize();
                *spread = 0.11;
                *colour *= 0.92;
            }
        }
        if stage.daytime == Daytime::Night {
            self.lights.truncate(1);
        }
        self.fog_metres = 1e9;
    }
}

fn by_daytime(stage: &Stage) -> Rig {
    let chance = |salt: u32| hash01((stage.seed as u32) ^ ((stage.seed >> 32) as u32).rotate_left(7) ^ salt);
    let side = if chance(1) < 0.5 { -1.0 } else { 1.0 };
    // Azimuth is counted from +z, the side from which a stage is usually seen.
    let sun = |azimuth: f32, elevation: f32| {
        let azimuth = azimuth.to_radians() * side;
        let (up, flat) = elevation.to_radians().sin_cos();
        Vec3::new(azimuth.sin() * flat, up, azimuth.cos() * flat)
    };
    match stage.daytime {
        Daytime::Morning => {
            let towards = sun(45.0 + 40.0 * chance(2), 33.0 + 6.0 * chance(3));
            Rig {
                lights: vec![Light::Sun { towards, colour: Vec3::new(0.98, 0.86, 0.68), spread: 0.045 }],
                ambient_up: Vec3::new(0.36, 0.41, 0.48),
                ambient_down: Vec3::new(0.24, 0.22, 0.19),
                zenith: Vec3::new(0.22, 0.42, 0.72),
                horizon: Vec3::new(0.86, 0.76, 0.62),
                glow: Vec3::new(0.60, 0.38, 0.16),
                disc: Vec3::new(3.0, 2.6, 1.8),
                sun: towards,
                cloud_light: Vec3::new(0.98, 0.88, 0.78),
                cloud_shade: Vec3::new(0.62, 0.60, 0.66),
                cover: 0.40 + 0.15 * chance(4),
                fog_metres: 60.0,
            }
        }
        Daytime::Noon => {
            let towards = sun(25.0 + 45.0 * chance(2), 54.0 + 10.0 * chance(3));
            Rig {
                lights: vec![Light::Sun { towards, colour: Vec3::new(0.98, 0.95, 0.89), spread: 0.04 }],
                ambient_up: Vec3::new(0.37, 0.42, 0.50),
                ambient_down: Vec3::new(0.22, 0.22, 0.21),
                zenith: Vec3::new(0.10, 0.30, 0.70),
                horizon: Vec3::new(0.58, 0.74, 0.90),
                glow: Vec3::new(0.30, 0.28, 0.22),
                disc: Vec3::splat(4.0),
                sun: towards,
                cloud_light: Vec3::new(0.97, 0.97, 0.97),
                cloud_shade: Vec3::new(0.66, 0.71, 0.80),
                cover: 0.40 + 0.15 * chance(4),
                fog_metres: 85.0,
            }
        }
        Daytime::Sunset => {
            let towards = sun(68.0 + 40.0 * chance(2), 13.0 + 5.0 * chance(3));
            Rig {
                lights: vec![Light::Sun { towards, colour: Vec3::new(1.00, 0.68, 0.42), spread: 0.06 }],
                ambient_up: Vec3::new(0.37, 0.35, 0.44),
                ambient_down: Vec3::new(0.24, 0.19, 0.19),
                zenith: Vec3::new(0.16, 0.20, 0.46),
                horizon: Vec3::new(0.95, 0.50, 0.27),
                glow: Vec3::new(1.00, 0.46, 0.10),
                disc: Vec3::new(4.0, 2.6, 1.2),
                sun: towards,
                cloud_light: Vec3::new(0.95, 0.55, 0.40),
                cloud_shade: Vec3::new(0.40, 0.30, 0.42),
                cover: 0.50 + 0.15 * chance(4),
                fog_metres: 70.0,
            }
        }
        Daytime::Night => {
            let moon = sun(120.0 + 50.0 * chance(2), 26.0 + 8.0 * chance(3));
            let lamp = Vec3::new(side * (2.4 + chance(5)), 4.6, 2.6 + chance(6));
            Rig {
                lights: vec![
                    Light::Lamp { position: lamp, colour: Vec3::new(1.02, 0.90, 0.72), radius: 0.35 },
                    Light::Sun { towards: moon, colour: Vec3::new(0.12, 0.16, 0.24), spread: 0.05 },
                ],
                ambient_up: Vec3::new(0.20, 0.22, 0.28),
                ambient_down: Vec3::new(0.13, 0.13, 0.145),
                zenith: Vec3::new(0.010, 0.018, 0.055),
                horizon: Vec3::new(0.046, 0.074, 0.150),
                glow: Vec3::new(0.06, 0.08, 0.12),
                disc: Vec3::new(0.95, 0.95, 0.88),
                sun: moon,
                cloud_light: Vec3::new(0.075, 0.095, 0.15),
                cloud_shade: Vec3::new(0.03, 0.04, 0.075),
                cover: 0.30 + 0.15 * chance(4),
                fog_metres: 45.0,
            }
        }
    }
}

pub(crate) fn luminance(light: Vec3) -> f32 {
    light.dot(Vec3::new(0.2126, 0.7152, 0.0722))
}
