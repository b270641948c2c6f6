//! Clips and captions on disk: shards, latent cache, packing
