//! Carries out a recipe, with plain lines on standard error: `train RECIPE RUN_FOLDER`.

use std::{ops::ControlFlow, time::Instant};

use training::{Monitor, Recipe, Run, StepReport};

#[global_allocator]
static ALLOCATOR: kernels::ReusingAllocator = kernels::ReusingAllocator::new(2 << 30);

struct Lines(Instant);

impl Monitor for Lines {
    fn note(&mut self, message: &str) {
        eprintln!("[{:>7.1} s] {message}", self.0.elapsed().as_secs_f32());
    }

    fn step(&mut self, report: &StepReport<'_>) -> ControlFlow<()> {
        if report.step % 20 == 0 || report.step < 5 {
            let StepReport { stage, step, steps, loss } = report;
            self.note(&format!("{stage} {step}/{steps} loss {loss:.4}"));
        }
        ControlFlow::Continue(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, recipe, folder] = arguments.as_slice() else { return Err("usage: train RECIPE RUN_FOLDER".into()) };
    let run = Run { recipe: Recipe::load(recipe.as_ref())?, folder: folder.into() };
    let model = training::run(&run, &mut Lines(Instant::now()))?;
    eprintln!("{}", model.display());
    Ok(())
}
