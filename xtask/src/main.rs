//! Checks of the repository itself: layering, file size, documentation.
fn main() {}
