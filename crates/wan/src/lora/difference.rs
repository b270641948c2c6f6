//! What is added to one tensor of the model.

use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use safetensors::Dtype;

use crate::weights::{Entry, all_finite, to_f32};

/// Numbers of a product that are made at once: few enough to take little memory beside the weight.
const BLOCK: usize = 1 << 22;

/// A tensor of a LoRA and its name there.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) entry: Entry,
}

/// Numbers to be added to a tensor, not read yet.
#[derive(Debug)]
pub(crate) struct Difference {
    source: Source,
    factor: f32,
}

#[derive(Debug)]
enum Source {
    /// `up · down`, of shapes `[out, rank]` and `[rank, in]`.
    Product { up: Entry, down: Entry, rank: usize },
    /// All of them.
    Whole(Entry),
}

impl Part {
    /// The rank of a matrix whose rows are the rank.
    pub(super) fn rank(&self) -> usize {
        self.entry.shape.first().copied().unwrap_or(0)
    }

    /// The one number that alpha is.
    pub(super) fn number(&self) -> f32 {
        match self.entry.dtype {
            Dtype::I64 => self.entry.bytes().as_chunks().0.first().map_or(0, |bytes| i64::from_le_bytes(*bytes)) as f32,
            dtype => to_f32(self.entry.bytes(), dtype).first().copied().unwrap_or(0.0),
        }
    }

    fn check_finite(&self) -> Result<(), String> {
        let values = to_f32(self.entry.bytes(), self.entry.dtype);
        self.entry.release();
        let problem = || format!("{} holds a number that is not finite, and is not fit", self.name);
        if all_finite(&values) { Ok(()) } else { Err(problem()) }
    }
}

impl Difference {
    /// The product of two thin matrices, `factor` times; a convolution's taps are columns of the first.
    ///
    /// # Shapes  down `[rank, in…]`, up `[out, rank]` or the same with sides of 1 behind, for a tensor `[out, in…]`
    /// # Errors
    /// Says which of them does not fit, so that "to be added to …" can follow.
    pub(super) fn product([down, up]: [&Part; 2], shape: &[usize], factor: f32) -> Result<Self, String> {
        let rank = down.rank();
        let (inputs, found) = (shape.get(1..).unwrap_or_default(), down.entry.shape.get(1..).unwrap_or_default());
        let columns: usize = inputs.iter().product();
        if rank == 0 || columns == 0 || inputs.is_empty() || (found != inputs && found != [columns]) {
            let sides = inputs.iter().map(|side| format!(", {side}")).collect::<String>();
            return Err(format!("{} has shape {:?}, but must be [rank{sides}]", down.name, down.entry.shape));
        }
        let [outputs, found, rest @ ..] = up.entry.shape.as_slice() else { return Err(too_few_axes(up)) };
        if [*outputs, *found] != [shape[0], rank] || rest.iter().any(|side| *side != 1) {
            return Err(format!("{} has shape {:?}, but must be [{}, {rank}]", up.name, up.entry.shape, shape[0]));
        }
        down.check_finite()?;
        up.check_finite()?;
        if !factor.is_finite() {
            return Err(format!("{} has an alpha that is not finite, and is not fit", down.name));
        }
        let source = Source::Product { up: up.entry.clone(), down: down.entry.clone(), rank };
        Ok(Self { source, factor })
    }

    /// All numbers of a tensor, `factor` times.
    ///
    /// # Errors
    /// As [`Self::product`].
    pub(super) fn whole(part: &Part, shape: &[usize], factor: f32) -> Result<Self, String> {
        if part.entry.shape != shape {
            return Err(format!("{} has shape {:?}, but must be {shape:?}", part.name, part.entry.shape));
        }
        part.check_finite()?;
        Ok(Self { source: Source::Whole(part.entry.clone()), factor })
    }

    /// Adds the numbers to those of a tensor as it lies in the file.
    pub(crate) fn add_to(&self, values: &mut [f32]) {
        match &self.source {
            Source::Whole(entry) => {
                self.add(values, &to_f32(entry.bytes(), entry.dtype));
                entry.release();
            }
            Source::Product { up, down, rank } => {
                let [rows, shared] = [up, down].map(|entry| to_f32(entry.bytes(), entry.dtype));
                let (columns, cpu) = (shared.len() / rank, Device::flex());
                let shared: Tensor<2> = Tensor::from_data(TensorData::new(shared, [*rank, columns]), &cpu);
                let at_once = (BLOCK / columns).max(1);
                for (values, rows) in values.chunks_mut(at_once * columns).zip(rows.chunks(at_once * rank)) {
                    let rows = TensorData::new(rows.to_vec(), [rows.len() / rank, *rank]);
                    let product = kernels::linear(Tensor::from_data(rows, &cpu), shared.clone(), None);
                    self.add(values, &product.into_data().iter::<f32>().collect::<Vec<f32>>());
                }
                up.release();
                down.release();
            }
        }
    }

    fn add(&self, values: &mut [f32], numbers: &[f32]) {
        values.par_iter_mut().zip(numbers).for_each(|(value, number)| *value += self.factor * number);
    }
}

fn too_few_axes(up: &Part) -> String {
    format!("{} has shape {:?}, but must have two axes", up.name, up.entry.shape)
}
