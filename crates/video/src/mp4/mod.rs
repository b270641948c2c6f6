//! MP4: H.264 pictures in boxes.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`mux`] | pictures to a file, index first |
//! | [`boxes`] | finds boxes in untrusted bytes |
//! | [`index`] | where pictures lie and how they are coded |
//! | [`demux`] | plain H.264 files to pictures |

pub(crate) mod boxes;
pub(crate) mod demux;
pub(crate) mod index;
pub(crate) mod mux;
#[cfg(test)]
mod tests;
