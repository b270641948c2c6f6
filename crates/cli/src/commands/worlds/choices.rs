//! What is in a world, as options.

use clap::{Args, ValueEnum};
use worlds::{
    CameraMove, Colour, Daytime, Distribution, Look, Material, Motion, Place, Shape, Split, Weather, Weights,
};

use crate::value::named;

/// Wishes for a world; what is left out is drawn by the seed.
#[derive(Args)]
pub struct Choices {
    /// Worlds with one object, clear and natural, or with everything there is
    #[arg(long, value_enum, default_value_t = Preset::Full)]
    preset: Preset,
    /// What the main object does
    #[arg(long, value_parser = named::<Motion>(Motion::ALL.iter().map(|value| value.name())))]
    motion: Option<Motion>,
    /// The objects' shape
    #[arg(long, value_parser = named::<Shape>(Shape::ALL.iter().map(|value| value.name())))]
    shape: Option<Shape>,
    /// The main object's colour
    #[arg(long, value_parser = named::<Colour>(Colour::ALL.iter().map(|value| value.name())))]
    colour: Option<Colour>,
    /// The objects' surface
    #[arg(long, value_parser = named::<Material>(Material::ALL.iter().map(|value| value.name())))]
    material: Option<Material>,
    /// Ground, room or sea
    #[arg(long, value_parser = named::<Place>(Place::ALL.iter().map(|value| value.name())))]
    place: Option<Place>,
    /// Time of day
    #[arg(long, value_parser = named::<Daytime>(Daytime::ALL.iter().map(|value| value.name())))]
    daytime: Option<Daytime>,
    /// What falls from the sky
    #[arg(long, value_parser = named::<Weather>(Weather::ALL.iter().map(|value| value.name())))]
    weather: Option<Weather>,
    /// How it is drawn
    #[arg(long, value_parser = named::<Look>(Look::ALL.iter().map(|value| value.name())))]
    look: Option<Look>,
    /// What the camera does
    #[arg(long, value_parser = named::<CameraMove>(CameraMove::ALL.iter().map(|value| value.name())))]
    camera: Option<CameraMove>,
    /// Number of objects, 1 to 4
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=4))]
    objects: Option<u8>,
}

/// Where to begin.
#[derive(Clone, Copy, ValueEnum)]
pub enum Preset {
    /// One object, natural look, clear weather
    Simple,
    /// Several objects, any look, any weather
    Full,
}

impl Choices {
    /// The worlds that fit, of one split.
    pub fn distribution(&self, split: Split) -> Distribution {
        let preset = match self.preset {
            Preset::Simple => Distribution::simple(),
            Preset::Full => Distribution::full(),
        };
        Distribution {
            colours: only(self.colour, preset.colours),
            shapes: only(self.shape, preset.shapes),
            materials: only(self.material, preset.materials),
            motions: only(self.motion, preset.motions),
            cameras: only(self.camera, preset.cameras),
            places: only(self.place, preset.places),
            daytimes: only(self.daytime, preset.daytimes),
            weathers: only(self.weather, preset.weathers),
            looks: only(self.look, preset.looks),
            object_counts: only(self.objects.map(usize::from), preset.object_counts),
            split,
            ..preset
        }
    }
}

fn only<T: Copy + PartialEq + std::fmt::Debug>(choice: Option<T>, otherwise: Weights<T>) -> Weights<T> {
    choice.map_or(otherwise, Weights::only)
}
