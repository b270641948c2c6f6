//! A request becomes a video
