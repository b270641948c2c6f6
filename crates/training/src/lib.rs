//! Recipes, the training loop, EMA and resuming
