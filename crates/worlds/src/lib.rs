//! Simulated worlds: scene → physics → pictures, with captions and ground truth.
//!
//! Knows nothing of tensors or models.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`stage`] | what stands on a stage and how it is at one moment |

pub mod stage;
