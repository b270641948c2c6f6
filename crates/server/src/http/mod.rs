//! Connections, callers, limits and metrics: all that is the same for every call.
//!
//! | module | what is in it |
//! | --- | --- |
//! | `accept` | connections, from the first to the last |
//! | `guard` | who may call, and how often |
//! | `body` | what a request may send, and how slowly |
//! | `metrics` | what Prometheus is told |

pub(crate) mod accept;
pub(crate) mod body;
pub(crate) mod guard;
pub(crate) mod metrics;
