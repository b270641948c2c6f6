//! LoRA: small files that change what a checkpoint makes.
//!
//! For a weight they hold two thin matrices whose product is added to it; some hold whole differences as well, of weights,
//! norms and biases. Everything is added while the transformer is read, so that it then runs as fast as without.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `names` | what the name of a tensor says |
//! | `notes` | what stands beside the tensors |
//! | `difference` | what is added to one tensor of the model |

mod difference;
mod names;
mod notes;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

pub(crate) use difference::Difference;

use self::{
    difference::Part,
    names::{Place, Role},
    notes::Notes,
};
use crate::{
    WanError,
    weights::{self, Entry, MappedFile, names::transformer_name},
};

/// Problems that one message names; with a LoRA of another model there are as many as tensors.
const MOST_PROBLEMS: usize = 3;

/// A LoRA's file and how strongly it acts.
#[derive(Clone, Debug, PartialEq)]
pub struct Lora {
    path: PathBuf,
    scale: f32,
}

/// What a file says of one layer, by role.
type Layer = BTreeMap<Role, Part>;

/// What comes of a file: differences, and what is wrong.
struct Findings<'a> {
    model: &'a BTreeMap<String, Entry>,
    differences: Vec<(String, Difference)>,
    problems: Vec<String>,
}

impl Lora {
    /// A file that acts `scale` times as strongly as it was made to; below 0 it does the contrary.
    ///
    /// # Errors
    /// [`WanError::Input`] when the scale is not finite.
    pub fn new(path: impl Into<PathBuf>, scale: f32) -> Result<Self, WanError> {
        if scale.is_finite() {
            return Ok(Self { path: path.into(), scale });
        }
        let (what, expected) = ("a LoRA's scale".into(), "a finite number".into());
        Err(WanError::Input { what, expected, found: scale.to_string() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How strongly it acts.
    pub const fn scale(&self) -> f32 {
        self.scale
    }

    /// What it adds to the tensors of a model, which are named as in diffusers.
    ///
    /// # Errors
    /// [`WanError`] that names the file and the tensors in it that do not fit, and what would.
    pub(crate) fn differences(&self, model: &BTreeMap<String, Entry>) -> Result<Vec<(String, Difference)>, WanError> {
        let (tensors, notes) = MappedFile::open_with_notes(&self.path)?;
        let unfit = |reason| WanError::Tensors { path: self.path.clone(), part: "transformer", reason };
        let notes = Notes::read(&notes).map_err(unfit)?;
        let mut findings = Findings { model, differences: Vec::new(), problems: Vec::new() };
        for (name, layer) in findings.layers(tensors) {
            findings.layer(&name, layer, (self.scale, &notes));
        }
        if findings.problems.is_empty() && findings.differences.is_empty() {
            return Err(unfit("it holds no tensors".into()));
        }
        match weights::in_one_line(findings.problems, MOST_PROBLEMS) {
            None => Ok(findings.differences),
            Some(problems) => Err(unfit(problems)),
        }
    }
}

impl Findings<'_> {
    /// The tensors of a file by the layer that they belong to, named as in diffusers as far as it has them.
    fn layers(&mut self, tensors: Vec<(String, Entry)>) -> BTreeMap<String, Layer> {
        let mut layers: BTreeMap<String, Layer> = BTreeMap::new();
        for (name, entry) in tensors {
            let Some(Place { layer, role }) = Place::of(&name) else {
                self.problems.push(format!("{name} is no part of a LoRA that misora knows: {}", names::KNOWN));
                continue;
            };
            if let Err(problem) = role.check(&name, &entry) {
                self.problems.push(problem);
                continue;
            }
            let part = Part { name: name.clone(), entry };
            if let Some(other) = layers.entry(layer).or_default().insert(role, part) {
                self.problems.push(format!("{name} and {} say the same twice", other.name));
            }
        }
        layers
    }

    /// Finds out what a layer's parts are added to.
    fn layer(&mut self, name: &str, mut layer: Layer, (scale, notes): (f32, &Notes)) {
        let (weight, bias) = (self.find(&[&format!("{name}.weight"), name]), self.find(&[&format!("{name}.bias")]));
        if let Some(part) = layer.remove(&Role::Weight) {
            self.add(weight.clone(), &part, |shape| Difference::whole(&part, shape, scale));
        }
        if let Some(part) = layer.remove(&Role::Bias) {
            self.add(bias.clone(), &part, |shape| Difference::whole(&part, shape, scale));
        }
        match (layer.remove(&Role::Down), layer.remove(&Role::Up)) {
            (Some(down), Some(up)) => {
                let alpha = layer.remove(&Role::Alpha).map(|alpha| alpha.number()).or(notes.alpha);
                // Without alpha the product is added as it is.
                let factor = alpha.map_or(scale, |alpha| scale * alpha / down.rank() as f32);
                self.add(weight, &down, |shape| Difference::product([&down, &up], shape, factor));
                if let Some(part) = layer.remove(&Role::UpBias) {
                    self.add(bias, &part, |shape| Difference::whole(&part, shape, factor));
                }
            }
            (Some(alone), None) => self.problems.push(format!("{} has no lora_B or lora_up beside it", alone.name)),
            (None, Some(alone)) => self.problems.push(format!("{} has no lora_A or lora_down beside it", alone.name)),
            (None, None) => {}
        }
        for part in layer.into_values() {
            self.problems.push(format!("{} stands alone, without lora_A and lora_B", part.name));
        }
    }

    /// The first of these names that the model has.
    fn find(&self, names: &[&str]) -> Option<String> {
        names.iter().map(|name| transformer_name(name)).find(|name| self.model.contains_key(name))
    }

    fn add(
        &mut self,
        target: Option<String>,
        part: &Part,
        difference: impl FnOnce(&[usize]) -> Result<Difference, String>,
    ) {
        let Some(target) = target else {
            let example = "blocks.0.attn1.to_q or blocks.0.self_attn.q";
            return self
                .problems
                .push(format!("{} is for no layer of this model; it has such as {example}", part.name));
        };
        match difference(&self.model[&target].shape) {
            Ok(difference) => self.differences.push((target, difference)),
            Err(problem) => self.problems.push(format!("{problem} to be added to {target}")),
        }
    }
}
