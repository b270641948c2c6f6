//! The operations of Wan 1.3B at its true shapes, without gradients: 1280 tokens (latents of 5×32×32) in the
//! transformer, and the convolutions of decoding 256×256 pixels.

use burn::tensor::Tensor;
use kernels::*;

use crate::{Work, best, is_asked_for, random};

const TOKENS: usize = 1280;
const TEXT: usize = 512;
const WIDTH: usize = 1536;
const HEADS: usize = 12;
const HIDDEN: usize = 8960;

/// Runs all of them.
pub fn operations() {
    products();
    attentions();
    norms();
    convolutions();
}

fn plain<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    random(shape).detach().inner()
}

/// Times a forward.
fn time<const D: usize>(name: &str, work: Work, forward: impl Fn() -> Tensor<D>) {
    time_any(name, work, forward);
}

/// The same for a forward that gives something else.
fn time_any<T>(name: &str, work: Work, forward: impl Fn() -> T) {
    let name = format!("wan: {name}");
    if is_asked_for(&name) {
        let milliseconds = best(|| drop(forward()));
        println!("{name:44} {milliseconds:8.2} ms  {}", work.rate(milliseconds));
    }
}

fn products() {
    for (rows, inputs, outputs) in
        [(TOKENS, WIDTH, WIDTH), (TOKENS, WIDTH, HIDDEN), (TOKENS, HIDDEN, WIDTH), (TEXT, WIDTH, WIDTH)]
    {
        let (x, weight, bias) = (plain([rows, inputs]), plain([inputs, outputs]), plain([outputs]));
        let work = Work::Giga(2e-9 * (rows * inputs * outputs) as f64);
        let name = format!("linear {rows} tokens {inputs}→{outputs}");
        time(&name, work, || linear(x.clone(), weight.clone(), Some(bias.clone())));
    }
}

fn attentions() {
    for (name, keys) in [("attention", TOKENS), ("attention to text", TEXT)] {
        let (queries, key_segments) = (Segments::new([TOKENS]), Segments::new([keys]));
        let (q, k, v) = (plain([TOKENS, WIDTH]), plain([keys, WIDTH]), plain([keys, WIDTH]));
        time(name, Work::Giga(4e-9 * (TOKENS * keys * WIDTH) as f64), || {
            attention(Attention {
                query: q.clone(),
                key: k.clone(),
                value: v.clone(),
                heads: HEADS,
                query_segments: &queries,
                key_segments: &key_segments,
            })
        });
    }
}

fn norms() {
    let (x, y, weight) = (plain([TOKENS, WIDTH]), plain([TOKENS, WIDTH]), plain([WIDTH]));
    let mega = (TOKENS * WIDTH * 8) as f64 * 1e-6;
    let rotary = || Rotary { cos: plain([TOKENS, WIDTH / HEADS / 2]), sin: plain([TOKENS, WIDTH / HEADS / 2]) };
    let rotary = Some(rotary());
    time("norm over all heads, rotary", Work::Mega(mega), || {
        head_norm_rotary(HeadNormRotary { x: x.clone(), weight: weight.clone(), heads: 1, rotary: None })
    });
    let short = plain([WIDTH / HEADS]);
    time("norm of each head, rotary", Work::Mega(mega), || {
        head_norm_rotary(HeadNormRotary { x: x.clone(), weight: short.clone(), heads: HEADS, rotary: rotary.clone() })
    });
    let rows = &Rows::from_segments(&Segments::new([TOKENS]));
    let table = plain([1, WIDTH]);
    time("modulated_layer_norm", Work::Mega(mega), || {
        modulated_layer_norm(ModulatedLayerNorm { x: x.clone(), shift: table.clone(), scale: table.clone(), rows })
    });
    time("gated_residual", Work::Mega(1.5 * mega), || {
        gated_residual(GatedResidual { x: x.clone(), y: y.clone(), gate: table.clone(), rows })
    });
    let hidden = plain([TOKENS, HIDDEN]);
    time("gelu", Work::Mega((TOKENS * HIDDEN * 8) as f64 * 1e-6), || gelu(hidden.clone()));
}

fn convolutions() {
    for (side, frames, inputs, outputs, kernel) in [
        (32, 1, 384, 384, [3, 3, 3]),
        (64, 2, 384, 384, [3, 3, 3]),
        (64, 2, 384, 768, [3, 1, 1]),
        (128, 2, 192, 192, [3, 3, 3]),
        (256, 1, 192, 96, [1, 3, 3]),
        (256, 2, 96, 96, [3, 3, 3]),
        (256, 2, 96, 3, [3, 3, 3]),
    ] {
        let taps: usize = kernel.iter().product();
        let (x, bias) = (plain([1, frames, side, side, inputs]), plain([outputs]));
        let weight = plain([taps * inputs, outputs]);
        let past = (kernel[0] > 1).then(|| plain([1, kernel[0] - 1, side, side, inputs]));
        let work = Work::Giga(2e-9 * (frames * side * side * taps * inputs * outputs) as f64);
        time(&format!("conv {kernel:?} {inputs}→{outputs} {frames}×{side}×{side}"), work, || {
            let input = CausalConv3d { x: x.clone(), weight: weight.clone(), bias: bias.clone(), kernel };
            causal_conv3d_behind(past.clone(), input)
        });
    }
    for (side, frames, channels) in [(32, 1, 384), (64, 2, 384), (128, 2, 192), (256, 2, 96)] {
        let (x, past, weight) =
            (plain([1, frames, side, side, channels]), plain([1, 2, side, side, channels]), plain([channels]));
        let numbers = (frames * side * side * channels) as f64;
        let name = format!("{channels} channels {frames}×{side}×{side}");
        let of = |x: &Tensor<5>| SiluFrames::normalize(x.clone(), weight.clone());
        time_any(&format!("norm, SiLU, 8 bits, {name}"), Work::Mega(numbers * 5e-6), || of(&x));
        let (rounded, past, bias) = (of(&x), of(&past), plain([channels]));
        let kernel = QuantisedKernel::new([3, channels, channels], |_, row| row.fill(0.5));
        let work = Work::Giga(54e-9 * numbers * channels as f64);
        time(&format!("conv in 8 bits {name}"), work, || {
            causal_conv3d_int8(Some(&past), &rounded, &kernel, bias.clone())
        });
    }
}
