//! What the tests of the whole pipeline share: a tiny random model.
#![allow(dead_code, reason = "each test file uses its part")]

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Distribution, Tensor},
};
use generation::Generator;
use models::{AutoencoderConfig, Bundle, BundleInfo, TextEncoderConfig, Tokenizer, TransformerConfig, WeightInit};

/// Makes every weight random, the ones that begin at zero too, so that prompts and levels matter.
struct Shake;

impl ModuleMapper for Shake {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let noise = Tensor::random(value.dims(), Distribution::Normal(0.0, 0.1), &value.device());
            value + noise
        })
    }
}

pub fn generator() -> Generator {
    let captions = ["a red ball rolls across the grass", "a blue cube falls", "一个红色的球滚过草地"];
    let tokenizer = Tokenizer::train(captions.iter().cycle().take(30).copied(), 300).unwrap();
    let info = BundleInfo {
        format_version: models::bundle::FORMAT_VERSION,
        name: "tiny".into(),
        licence: "Apache-2.0".into(),
        trained_on: "nothing".into(),
        frame_rate: 16,
        autoencoder: AutoencoderConfig::tiny(),
        text_encoder: TextEncoderConfig::tiny(tokenizer.vocabulary_size()),
        transformer: TransformerConfig::tiny(4, 16),
    };
    let mut weights = WeightInit::new(&Device::flex(), 5);
    Generator::new(Bundle {
        autoencoder: info.autoencoder.init(&mut weights),
        text_encoder: info.text_encoder.init(&mut weights).map(&mut Shake),
        transformer: info.transformer.init(&mut weights).map(&mut Shake),
        tokenizer,
        info,
    })
}
