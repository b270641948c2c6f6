//! Prints what sampled worlds are called, and the prompts of held-out ones: `cargo run -p worlds --example say`.

use worlds::{Distribution, World, held_out_prompts};

fn main() {
    for seed in 0..16 {
        let captions = World::sample(&Distribution::full(), seed).captions();
        println!("{}\n{}\n{}\n{}\n", captions.short_en, captions.detailed_en, captions.short_zh, captions.detailed_zh);
    }
    for (prompt, labels) in held_out_prompts(16) {
        println!("{prompt}  [{} {} {} {}]", labels.colour, labels.shape, labels.motion, labels.camera);
    }
}
