//! Metrics over videos and models, and reports
