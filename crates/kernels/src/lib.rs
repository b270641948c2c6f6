//! Differentiable tensor operations, fused on the CPU
