//! Where tensors live, by name.

use std::{fmt, str::FromStr};

use burn::tensor::Device;

use crate::GenerationError;

/// A kind of device that a user may pick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceKind {
    /// The processor; always there.
    #[default]
    Cpu,
    /// A graphics card through Vulkan; needs the feature `vulkan`.
    Vulkan,
    /// An NVIDIA card through CUDA; needs the feature `cuda`.
    Cuda,
}

impl DeviceKind {
    /// Every kind there is.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Vulkan, Self::Cuda];

    /// The name by which it is picked.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }

    /// The device itself.
    ///
    /// # Errors
    /// [`GenerationError::Device`] when this program was built without it.
    pub fn open(self) -> Result<Device, GenerationError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Ok(Device::vulkan(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            Self::Cuda => Ok(Device::cuda(0)),
            #[cfg(not(all(feature = "vulkan", feature = "cuda")))]
            absent => Err(GenerationError::Device {
                name: absent.to_string(),
                problem: format!(
                    "this misora was built without it; build it with `cargo build --release --features {absent}`, or use cpu"
                ),
            }),
        }
    }
}

impl fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DeviceKind {
    type Err = GenerationError;

    fn from_str(text: &str) -> Result<Self, GenerationError> {
        Self::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| GenerationError::Device {
            name: text.chars().take(64).collect(),
            problem: format!("there is no such device; choose one of {}", Self::ALL.map(Self::name).join(", ")),
        })
    }
}
