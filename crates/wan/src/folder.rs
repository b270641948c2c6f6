//! A model folder in the layout of diffusers.
//!
//! ```text
//! Wan2.1-T2V-1.3B-Diffusers/
//!   model_index.json          which parts there are
//!   transformer/              config.json and weights
//!   vae/                      config.json and weights
//!   text_encoder/             config.json and weights
//!   tokenizer/                tokenizer.json
//!   scheduler/                scheduler_config.json
//!   image_encoder/            config.json and weights, for image to video
//!   image_processor/          preprocessor_config.json, for image to video
//! ```

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use burn::tensor::Device;
use serde_json::Value;

use crate::{
    Lora, Precision, SchedulerConfig, WanError,
    autoencoder::{AutoencoderConfig, AutoencoderMemory, Decoder, Encoder},
    export,
    image::{ImageEncoder, ImageEncoderMemory, ImageProcessor},
    json,
    text::{TextEncoder, TextEncoderMemory, Tokenizer},
    transformer::{Transformer, TransformerConfig, TransformerMemory},
};

const INDEX: &str = "model_index.json";

/// What a folder was published for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// A video of a prompt.
    TextToVideo,
    /// The same in three steps, by a model that FastVideo distilled.
    Dmd,
    /// A video of a prompt and the image that it begins with.
    ImageToVideo,
}

impl Pipeline {
    const ALL: [Self; 3] = [Self::TextToVideo, Self::Dmd, Self::ImageToVideo];

    /// Its class, as the index names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TextToVideo => "WanPipeline",
            Self::Dmd => "WanDMDPipeline",
            Self::ImageToVideo => "WanImageToVideoPipeline",
        }
    }
}

/// A model folder whose index has been read; its parts have not.
#[derive(Clone, Debug)]
pub struct WanFolder {
    path: PathBuf,
    pipeline: Pipeline,
    expands_timesteps: bool,
    index: BTreeMap<String, Value>,
    loras: Vec<Lora>,
    precision: Precision,
}

impl WanFolder {
    /// Whether a folder has the layout of diffusers.
    pub fn is_one(path: &Path) -> bool {
        path.join(INDEX).is_file()
    }

    /// Reads `model_index.json`.
    ///
    /// # Errors
    /// [`WanError`] when it is not there, not JSON, or names a pipeline that misora does not have.
    pub fn open(path: &Path) -> Result<Self, WanError> {
        if !Self::is_one(path) {
            let reason = format!("is not a model folder in the layout of diffusers: it has no {INDEX}");
            return Err(WanError::NotAModel { path: path.into(), reason });
        }
        let index: BTreeMap<String, Value> = json::read(&path.join(INDEX), json::MAX_CONFIG_BYTES)?;
        let class = index.get("_class_name").and_then(Value::as_str).unwrap_or("a pipeline without a name");
        let Some(pipeline) = Pipeline::ALL.into_iter().find(|pipeline| pipeline.name() == class) else {
            let (found, known) =
                (class.chars().take(64).collect(), "WanPipeline, WanDMDPipeline and WanImageToVideoPipeline");
            return Err(WanError::Architecture { path: path.join(INDEX), found, known });
        };
        if index.get("transformer_2").is_some_and(|part| class_of(part).is_some()) {
            let found = "a second transformer, as Wan 2.2 has it".into();
            return Err(WanError::Architecture { path: path.join(INDEX), found, known: "pipelines with one" });
        }
        let expands_timesteps = match index.get("expand_timesteps") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(other) => {
                let reason = format!("expand_timesteps is {other}, but must be true or false");
                return Err(WanError::Config { path: path.join(INDEX), reason });
            }
        };
        Ok(Self { path: path.into(), pipeline, expands_timesteps, index, loras: Vec::new(), precision: Precision::F32 })
    }

    /// The same folder, whose transformer is read with what these files add to it.
    ///
    /// # Errors
    /// [`WanError`] that names a file that does not fit the transformer, and what would.
    pub fn with_loras(self, loras: Vec<Lora>) -> Result<Self, WanError> {
        if !loras.is_empty() {
            Transformer::check_loras(&self.transformer_folder()?, &loras)?;
        }
        Ok(Self { loras, ..self })
    }

    /// The same folder, whose transformer and decoder will compute with these numbers.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was published for.
    pub const fn pipeline(&self) -> Pipeline {
        self.pipeline
    }

    /// Whether the transformer is given a timestep for each token, as in Wan 2.2's 5B model.
    pub const fn expands_timesteps(&self) -> bool {
        self.expands_timesteps
    }

    /// Each part that has weights, and how many numbers they are.
    ///
    /// # Errors
    /// [`WanError`] that names the file which is missing or damaged.
    pub fn parameters(&self) -> Result<Vec<(&'static str, u64)>, WanError> {
        Ok(export::parts(self)?.into_iter().map(|part| (part.name, part.weights.num_parameters())).collect())
    }

    /// Reads the transformer.
    ///
    /// # Errors
    /// [`WanError`] that names the file and what is wrong with it; the same goes for every other part.
    pub fn transformer(&self, device: &Device) -> Result<Transformer, WanError> {
        Transformer::load(&self.transformer_folder()?, &self.loras, self.precision, device)
    }

    /// Looks whether the transformer has all of its tensors and no others; none is read.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub(crate) fn check_transformer(&self, device: &Device) -> Result<(), WanError> {
        Transformer::check_weights(&self.transformer_folder()?, device)
    }

    /// Bytes of the transformer's weights in 32 bits.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn transformer_f32_bytes(&self) -> Result<u64, WanError> {
        Transformer::f32_bytes(&self.transformer_folder()?, &Device::flex())
    }

    /// Sizes of the autoencoder, of which no weight is read.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn autoencoder_config(&self) -> Result<AutoencoderConfig, WanError> {
        let folder = self.part("vae", &["AutoencoderKLWan"])?;
        AutoencoderConfig::read(&folder.join("config.json"))
    }

    /// Reads the half of the autoencoder that makes pixels.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn decoder(&self, device: &Device) -> Result<Decoder, WanError> {
        Decoder::load(&self.part("vae", &["AutoencoderKLWan"])?, self.precision, device)
    }

    /// Reads the half of the autoencoder that makes latents.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn encoder(&self, device: &Device) -> Result<Encoder, WanError> {
        Encoder::load(&self.part("vae", &["AutoencoderKLWan"])?, device)
    }

    /// What the transformer's headers say of its memory.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn transformer_memory(&self) -> Result<TransformerMemory, WanError> {
        TransformerMemory::open(&self.transformer_folder()?, self.precision)
    }

    /// What the autoencoder's headers say of its memory.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn autoencoder_memory(&self) -> Result<AutoencoderMemory, WanError> {
        AutoencoderMemory::open(&self.part("vae", &["AutoencoderKLWan"])?, self.precision)
    }

    /// What the text encoder's configuration says of its memory.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn text_encoder_memory(&self) -> Result<TextEncoderMemory, WanError> {
        TextEncoderMemory::open(&self.part("text_encoder", &["UMT5EncoderModel"])?)
    }

    /// Whether the transformer hears what an image encoder says.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn takes_image_embeds(&self) -> Result<bool, WanError> {
        let config = TransformerConfig::read(&self.transformer_folder()?.join("config.json"))?;
        Ok(config.image_dim.is_some())
    }

    /// Reads the image encoder.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn image_encoder(&self, device: &Device) -> Result<ImageEncoder, WanError> {
        ImageEncoder::load(&self.image_encoder_folder()?, device)
    }

    /// What the image encoder's configuration says of its memory.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn image_encoder_memory(&self) -> Result<ImageEncoderMemory, WanError> {
        ImageEncoderMemory::open(&self.image_encoder_folder()?)
    }

    fn image_encoder_folder(&self) -> Result<PathBuf, WanError> {
        self.part("image_encoder", &["CLIPVisionModel", "CLIPVisionModelWithProjection"])
    }

    /// Reads how pictures are brought to the image encoder.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn image_processor(&self) -> Result<ImageProcessor, WanError> {
        let classes = ["CLIPImageProcessor", "CLIPImageProcessorFast", "CLIPImageProcessorPil"];
        ImageProcessor::read(&self.part("image_processor", &classes)?.join("preprocessor_config.json"))
    }

    /// Opens the text encoder.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn text_encoder(&self, device: &Device) -> Result<TextEncoder, WanError> {
        TextEncoder::load(&self.part("text_encoder", &["UMT5EncoderModel"])?, device)
    }

    /// Reads the tokenizer, which may not have more tokens than the text encoder.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn tokenizer(&self, vocabulary: usize) -> Result<Tokenizer, WanError> {
        let classes = ["T5TokenizerFast", "T5Tokenizer", "PreTrainedTokenizerFast"];
        Tokenizer::load(&self.part("tokenizer", &classes)?, vocabulary)
    }

    /// Reads which noise levels to sample at. FastVideo's are not in a file.
    ///
    /// # Errors
    /// As [`Self::transformer`].
    pub fn scheduler(&self) -> Result<SchedulerConfig, WanError> {
        if self.pipeline == Pipeline::Dmd {
            return Ok(SchedulerConfig::Dmd);
        }
        let folder = self.part("scheduler", &["UniPCMultistepScheduler", "FlowMatchEulerDiscreteScheduler"])?;
        SchedulerConfig::read(&folder.join("scheduler_config.json"))
    }

    fn transformer_folder(&self) -> Result<PathBuf, WanError> {
        self.part("transformer", &["WanTransformer3DModel"])
    }

    /// The folder of a part, which must be of one of these classes.
    fn part(&self, name: &str, classes: &[&'static str]) -> Result<PathBuf, WanError> {
        let lacks = |reason: String| WanError::NotAModel { path: self.path.clone(), reason };
        let class = self.index.get(name).and_then(class_of);
        let class = class.ok_or_else(|| lacks(format!("has no {name}: {INDEX} does not list it")))?;
        if !classes.contains(&class) {
            let found = format!("the {name} {}", class.chars().take(64).collect::<String>());
            return Err(WanError::Architecture { path: self.path.join(INDEX), found, known: classes[0] });
        }
        let folder = self.path.join(name);
        if folder.is_dir() { Ok(folder) } else { Err(lacks(format!("lacks the folder {name}, which {INDEX} lists"))) }
    }
}

/// The class in `["library", "class"]`.
fn class_of(part: &Value) -> Option<&str> {
    part.get(1)?.as_str()
}
