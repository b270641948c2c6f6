//! The misora program.
fn main() {}
