//! Autoencoder, text encoder, transformer and their checkpoints
