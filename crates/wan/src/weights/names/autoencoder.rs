//! Names in the autoencoder.

/// Which of the decoder's layers, which the Wan team counts in one row, are the last of a level: those that double sides.
#[derive(Debug)]
pub(super) struct Levels {
    last: Vec<usize>,
}

impl Levels {
    pub(super) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let doubling = |name: &str| {
            let rest = name.strip_prefix("decoder.upsamples.")?;
            rest.strip_suffix(".resample.1.weight")?.parse().ok()
        };
        let mut last: Vec<usize> = names.filter_map(doubling).collect();
        last.sort_unstable();
        Self { last }
    }

    /// The name in diffusers. Wan 2.2 counts the layers of each level for themselves, as diffusers does.
    pub(super) fn name(&self, name: &str) -> String {
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            ["conv1", rest] => format!("quant_conv.{rest}"),
            ["conv2", rest] => format!("post_quant_conv.{rest}"),
            [half @ ("encoder" | "decoder"), "conv1", rest] => format!("{half}.conv_in.{rest}"),
            [half, "head", "0", rest] => format!("{half}.norm_out.{rest}"),
            [half, "head", "2", rest] => format!("{half}.conv_out.{rest}"),
            [half, "middle", "1", rest @ ..] => format!("{half}.mid_block.attentions.0.{}", rest.join(".")),
            [half, "middle", index @ ("0" | "2"), rest @ ..] => {
                let index = if *index == "0" { 0 } else { 1 };
                format!("{half}.mid_block.resnets.{index}.{}", residual_name(rest))
            }
            ["encoder", "downsamples", level, "downsamples", _, rest @ ..] if is_sampling(rest) => {
                format!("encoder.down_blocks.{level}.downsampler.{}", rest.join("."))
            }
            ["encoder", "downsamples", level, "downsamples", index, rest @ ..] => {
                format!("encoder.down_blocks.{level}.resnets.{index}.{}", residual_name(rest))
            }
            ["encoder", "downsamples", index, rest @ ..] => {
                format!("encoder.down_blocks.{index}.{}", residual_name(rest))
            }
            ["decoder", "upsamples", level, "upsamples", _, rest @ ..] if is_sampling(rest) => {
                format!("decoder.up_blocks.{level}.upsampler.{}", rest.join("."))
            }
            ["decoder", "upsamples", level, "upsamples", index, rest @ ..] => {
                format!("decoder.up_blocks.{level}.resnets.{index}.{}", residual_name(rest))
            }
            ["decoder", "upsamples", index, rest @ ..] => match index.parse() {
                Ok(index) => self.decoder_name(index, rest),
                Err(_) => name.to_owned(),
            },
            _ => name.to_owned(),
        }
    }

    fn decoder_name(&self, index: usize, rest: &[&str]) -> String {
        let before: Vec<usize> = self.last.iter().copied().filter(|last| *last < index).collect();
        let (level, first) = (before.len(), before.last().map_or(0, |last| last + 1));
        if is_sampling(rest) {
            return format!("decoder.up_blocks.{level}.upsamplers.0.{}", rest.join("."));
        }
        format!("decoder.up_blocks.{level}.resnets.{}.{}", index - first, residual_name(rest))
    }
}

/// Whether a layer changes sides or frames.
fn is_sampling(rest: &[&str]) -> bool {
    matches!(rest.first(), Some(&("resample" | "time_conv")))
}

/// A name inside of a residual block; other layers keep theirs.
fn residual_name(rest: &[&str]) -> String {
    match rest {
        ["residual", "0", rest] => format!("norm1.{rest}"),
        ["residual", "2", rest] => format!("conv1.{rest}"),
        ["residual", "3", rest] => format!("norm2.{rest}"),
        ["residual", "6", rest] => format!("conv2.{rest}"),
        ["shortcut", rest] => format!("conv_shortcut.{rest}"),
        _ => rest.join("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_wan_team_become_those_of_diffusers() {
        let doubling = ["decoder.upsamples.7.resample.1.weight", "decoder.upsamples.3.resample.1.weight"];
        let levels = Levels::of(doubling.into_iter().chain(["decoder.upsamples.3.time_conv.weight", "conv1.weight"]));
        for (official, expected) in [
            ("conv1.weight", "quant_conv.weight"),
            ("encoder.conv1.bias", "encoder.conv_in.bias"),
            ("decoder.head.0.gamma", "decoder.norm_out.gamma"),
            ("encoder.middle.2.residual.6.weight", "encoder.mid_block.resnets.1.conv2.weight"),
            ("decoder.middle.1.to_qkv.weight", "decoder.mid_block.attentions.0.to_qkv.weight"),
            ("encoder.downsamples.3.shortcut.weight", "encoder.down_blocks.3.conv_shortcut.weight"),
            ("encoder.downsamples.5.time_conv.weight", "encoder.down_blocks.5.time_conv.weight"),
            ("encoder.downsamples.2.resample.1.bias", "encoder.down_blocks.2.resample.1.bias"),
            ("decoder.upsamples.2.residual.3.gamma", "decoder.up_blocks.0.resnets.2.norm2.gamma"),
            ("decoder.upsamples.3.time_conv.weight", "decoder.up_blocks.0.upsamplers.0.time_conv.weight"),
            ("decoder.upsamples.4.shortcut.bias", "decoder.up_blocks.1.resnets.0.conv_shortcut.bias"),
            ("decoder.upsamples.7.resample.1.weight", "decoder.up_blocks.1.upsamplers.0.resample.1.weight"),
            ("decoder.upsamples.10.residual.2.bias", "decoder.up_blocks.2.resnets.2.conv1.bias"),
            ("encoder.downsamples.1.downsamples.2.time_conv.bias", "encoder.down_blocks.1.downsampler.time_conv.bias"),
            ("encoder.downsamples.0.downsamples.1.residual.0.gamma", "encoder.down_blocks.0.resnets.1.norm1.gamma"),
            ("decoder.upsamples.2.upsamples.3.resample.1.weight", "decoder.up_blocks.2.upsampler.resample.1.weight"),
            ("decoder.upsamples.3.upsamples.0.shortcut.weight", "decoder.up_blocks.3.resnets.0.conv_shortcut.weight"),
            ("something.else", "something.else"),
        ] {
            assert_eq!(levels.name(official), expected);
            assert_eq!(levels.name(expected), expected);
        }
    }
}
