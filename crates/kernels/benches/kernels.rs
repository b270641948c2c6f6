//! Times every operation, forward and backward, against its composite form.
//!
//! `cargo bench -p kernels [WORD]` runs those whose name holds WORD. With `--cpu-time` it counts
//! the time that the process ran instead of the time that passed, which is what to look at (with
//! `RAYON_NUM_THREADS=1`) on a machine that others use too.
#![allow(clippy::unwrap_used, missing_docs, reason = "a program for developers")]

mod network;
mod wan;

use std::time::Instant;

use burn::tensor::{Device, Distribution, Tensor};
use kernels::*;

#[global_allocator]
static ALLOCATOR: ReusingAllocator = ReusingAllocator::new(4 << 30);

const TOKENS: usize = 8064;
const WIDTH: usize = 256;
const HEADS: usize = 4;

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &Device::default().autodiff()).require_grad()
}

/// Milliseconds that all threads of this process ran so far, as Linux counts them.
fn cpu_time() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    let nanos = threads.map(|thread| {
        let text = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap()
    });
    nanos.sum::<f64>() * 1e-6
}

/// The best of several runs, in milliseconds.
fn best(mut body: impl FnMut()) -> f64 {
    body();
    let by_cpu = std::env::args().any(|word| word == "--cpu-time");
    let (begin, cpu_begin) = (Instant::now(), cpu_time());
    let mut best = f64::MAX;
    for run in 0.. {
        let start = Instant::now();
        body();
        best = best.min(start.elapsed().as_secs_f64() * 1e3);
        if run >= 2 && begin.elapsed().as_secs_f64() > 0.4 {
            // The kernel counts in steps of milliseconds, so only a mean says anything.
            let mean = (cpu_time() - cpu_begin) / f64::from(run + 1);
            return if by_cpu { mean } else { best };
        }
    }
    best
}

/// What the forward computes: billions of operations, or, for operations bound by memory, megabytes.
enum Work {
    Giga(f64),
    Mega(f64),
}

impl Work {
    fn rate(&self, milliseconds: f64) -> String {
        match self {
            Self::Giga(giga) => format!("{:6.0} GFLOP/s", giga / milliseconds * 1e3),
            Self::Mega(mega) => format!("{:6.1} GB/s   ", mega / milliseconds),
        }
    }

    /// So many times as much.
    fn times(&self, factor: f64) -> Self {
        match self {
            Self::Giga(giga) => Self::Giga(factor * giga),
            Self::Mega(mega) => Self::Mega(factor * mega),
        }
    }
}

/// Whether the command line names this operation, or none.
fn is_asked_for(name: &str) -> bool {
    !std::env::args().skip(1).any(|word| !word.starts_with('-') && !name.contains(&word))
}

/// Times forward alone, then forward and backward.
fn compare<const D: usize>(name: &str, work: Work, fused: impl Fn() -> Tensor<D>, composite: impl Fn() -> Tensor<D>) {
    if !is_asked_for(name) {
        return;
    }
    let cotangent = fused().random_like(Distribution::Normal(0.0, 1.0)).detach();
    let time = |f: &dyn Fn() -> Tensor<D>| {
        let forward = best(|| drop(f()));
        let both = best(|| drop((f() * cotangent.clone()).sum().backward()));
        (forward, both)
    };
    // The product with the cotangent and the sum are part of the timing, not of the operation.
    let leaf = fused().detach().require_grad();
    let rest = best(|| drop((leaf.clone() * cotangent.clone()).sum().backward()));
    let (forward, both) = time(&fused);
    let (old_forward, old_both) = time(&composite);
    let (backward, old_backward) = (both - rest - forward, old_both - rest - old_forward);
    let more = if matches!(work, Work::Giga(_)) { 2.0 } else { 1.5 };
    let rate = format!("{} {}", work.rate(forward), work.times(more).rate(backward));
    println!(
        "{name:34} {forward:8.2} ms {backward:8.2} ms  {rate}  {:5.1}× {:5.1}×",
        old_forward / forward,
        old_backward / backward
    );
}

fn main() {
    println!("{:34} {:>11} {:>11}  {:>14} {:>14}  {:>13}", "", "forward", "backward", "forward", "backward", "faster");
    products();
    products_in_8_bits();
    norms();
    attentions();
    convolutions();
    network::train_steps();
    wan::operations();
}

fn products() {
    for (inputs, outputs) in [(256, 256), (256, 768), (256, 1024), (1024, 256)] {
        let (x, weight, bias) = (random([TOKENS, inputs]), random([inputs, outputs]), random([outputs]));
        compare(
            &format!("linear {inputs}→{outputs}"),
            Work::Giga(2e-9 * (TOKENS * inputs * outputs) as f64),
            || linear(x.clone(), weight.clone(), Some(bias.clone())),
            || linear::composite(x.clone(), weight.clone(), Some(bias.clone())),
        );
    }
}

/// The products of Wan 1.3B, without gradients, in turns with f32.
fn products_in_8_bits() {
    let rows = 1280;
    for (inputs, outputs) in [(1536, 1536), (1536, 8960), (8960, 1536)] {
        let name = format!("linear_int8 {inputs}→{outputs}");
        if !is_asked_for(&name) {
            continue;
        }
        let plain = |tensor: Tensor<2>| tensor.detach().inner();
        let (x, weight) = (plain(random([rows, inputs])), plain(random([inputs, outputs])));
        let values: Vec<f32> = weight.to_data().try_to_vec().unwrap();
        let fill = |output: usize, row: &mut [f32]| {
            row.iter_mut().zip(values[output..].iter().step_by(outputs)).for_each(|(row, value)| *row = *value);
        };
        let quantised = QuantisedWeight::new([inputs, outputs], fill);
        let times: Vec<[f64; 2]> = (0..5)
            .map(|_| {
                let int8 = best(|| drop(linear_int8(x.clone(), &quantised, None)));
                [int8, best(|| drop(linear(x.clone(), weight.clone(), None)))]
            })
            .collect();
        let [int8, f32] = [0, 1].map(|column| {
            let mut times: Vec<f64> = times.iter().map(|times| times[column]).collect();
            times.sort_by(f64::total_cmp);
            times[times.len() / 2]
        });
        let rate = |milliseconds: f64| 2e-6 * (rows * inputs * outputs) as f64 / milliseconds;
        println!(
            "{name:34} {int8:8.2} ms, {:4.0} GOP/s; f32 {f32:8.2} ms, {:4.0}; {:.2}×",
            rate(int8),
            rate(f32),
            f32 / int8
        );
    }
}

fn norms() {
    let (x, y) = (random([TOKENS, WIDTH]), random([TOKENS, WIDTH]));
    let hidden = random([TOKENS, 4 * WIDTH]);
    let mega = (TOKENS * WIDTH * 8) as f64 * 1e-6;
    compare("gelu", Work::Mega(4.0 * mega), || gelu(hidden.clone()), || activation::gelu_composite(hidden.clone()));
    let rows = &Rows::from_segments(&Segments::new([192; TOKENS / 192]));
    let levels = TOKENS / 192;
    let (shift, scale) = (random([levels, WIDTH]), random([levels, WIDTH]));
    let modulated = || ModulatedLayerNorm { x: x.clone(), shift: shift.clone(), scale: scale.clone(), rows };
    compare(
        "modulated_layer_norm",
        Work::Mega(mega),
        || modulated_layer_norm(modulated()),
        || modulation::modulated_layer_norm_composite(modulated()),
    );
    let gated = || GatedResidual { x: x.clone(), y: y.clone(), gate: shift.clone(), rows };
    compare(
        "gated_residual",
        Work::Mega(1.5 * mega),
        || gated_residual(gated()),
        || modulation::gated_residual_composite(gated()),
    );
    let weight = random([WIDTH / HEADS]);
    let rotary = Some(Rotary {
        cos: random([TOKENS, WIDTH / HEADS / 2]).detach(),
        sin: random([TOKENS, WIDTH / HEADS / 2]).detach(),
    });
    let input = || HeadNormRotary { x: x.clone(), weight: weight.clone(), heads: HEADS, rotary: rotary.clone() };
    compare("head_norm_rotary", Work::Mega(mega), || head_norm_rotary(input()), || head_norm::composite(input()));
    let (x, weight) = (random([32 * 32 * 32, 64]), random([64]));
    compare(
        "rms_norm_silu 64 channels",
        Work::Mega((32 * 32 * 32 * 64 * 8) as f64 * 1e-6),
        || rms_norm_silu(x.clone(), weight.clone()),
        || activation::silu_composite(rms_norm::composite(x.clone(), weight.clone())),
    );
}

fn attentions() {
    for (name, lengths, key_lengths) in [
        ("attention 42×192", vec![192; 42], vec![192; 42]),
        ("attention 14×576", vec![576; 14], vec![576; 14]),
        ("attention 80 to 576", [576, 80, 320, 80, 144].repeat(7), [576, 80, 320, 80, 144].repeat(7)),
        ("attention to text 42×192→32", vec![192; 42], vec![32; 42]),
    ] {
        let (queries, keys) = (Segments::new(lengths.clone()), Segments::new(key_lengths.clone()));
        let (q, k, v) =
            (random([queries.total(), WIDTH]), random([keys.total(), WIDTH]), random([keys.total(), WIDTH]));
        let pairs: usize = lengths.iter().zip(&key_lengths).map(|(queries, keys)| queries * keys).sum();
        let input = || Attention {
            query: q.clone(),
            key: k.clone(),
            value: v.clone(),
            heads: HEADS,
            query_segments: &queries,
            key_segments: &keys,
        };
        let work = Work::Giga(4e-9 * (pairs * WIDTH) as f64);
        compare(name, work, || attention(input()), || attention::composite(input()));
    }
}

fn convolutions() {
    for (channels, side, kernel) in [
        (64, 32, [1, 3, 3]),
        (64, 32, [3, 1, 1]),
        (64, 32, [3, 3, 3]),
        (128, 16, [1, 3, 3]),
        (128, 16, [3, 3, 3]),
        (192, 8, [3, 3, 3]),
    ] {
        let (batch, frames) = (2, 8);
        let taps: usize = kernel.iter().product();
        let x = random([batch, frames + kernel[0] - 1, side, side, channels]);
        let weight = random([taps * channels, channels]);
        let bias = random([channels]);
        let input = || CausalConv3d { x: x.clone(), weight: weight.clone(), bias: bias.clone(), kernel };
        compare(
            &format!("conv {kernel:?} {channels} channels {side}×{side}"),
            Work::Giga(2e-9 * (batch * frames * side * side * taps * channels * channels) as f64),
            || causal_conv3d(input()),
            || conv::composite(input()),
        );
    }
}
