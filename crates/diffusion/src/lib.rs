//! Noise levels, schedules, samplers and guidance on the canvas
