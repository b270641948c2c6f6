//! MP4: H.264 pictures in boxes.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`mux`] | pictures to a file, index first |

pub(crate) mod mux;
