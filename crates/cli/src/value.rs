//! Options as text to what they mean.

use std::str::FromStr;

use clap::{
    builder::{PossibleValuesParser, RangedU64ValueParser, TypedValueParser},
    value_parser,
};
use wan::Lora;

/// Reads one of a few names, which help and completions list.
pub fn named<T>(names: impl IntoIterator<Item = &'static str>) -> impl TypedValueParser<Value = T>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(names).try_map(|name| name.parse::<T>())
}

/// Reads `WxH`, whatever the numbers: which of them work is said by whoever makes the pictures.
pub fn size(text: &str) -> Result<[u32; 2], String> {
    text.split_once(['x', 'X', '×'])
        .and_then(|(width, height)| Some([width.trim().parse().ok()?, height.trim().parse().ok()?]))
        .ok_or_else(|| "write it as WIDTHxHEIGHT in pixels, for example 160x96".to_owned())
}

/// Reads `LOW-HIGH`, two noise levels.
pub fn interval(text: &str) -> Result<[f32; 2], String> {
    text.split_once('-')
        .and_then(|(low, high)| Some([low.trim().parse().ok()?, high.trim().parse().ok()?]))
        .ok_or_else(|| "write it as LOW-HIGH with levels between 0 and 1, for example 0.2-0.9".to_owned())
}

/// Reads `X,Y,W,H`, a rectangle in pixels.
pub fn rectangle(text: &str) -> Result<[u32; 4], String> {
    let numbers: Option<Vec<u32>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    let numbers = numbers.and_then(|numbers| <[u32; 4]>::try_from(numbers).ok());
    numbers.ok_or_else(|| "write it as X,Y,WIDTH,HEIGHT in pixels, for example 40,30,64,64".to_owned())
}

/// Reads the side of a tile in pixels.
pub fn tile() -> RangedU64ValueParser {
    value_parser!(u64).range(64..=8192)
}

/// Reads `FILE` or `FILE:SCALE`.
pub fn lora(text: &str) -> Result<Lora, String> {
    let (file, scale) = match text.rsplit_once(':') {
        // A colon may also belong to the path, such as one behind the letter of a drive.
        Some((_, end)) if end.contains(['/', '\\']) || end.ends_with(".safetensors") => (text, "1"),
        Some(parts) => parts,
        None => (text, "1"),
    };
    match scale.trim().parse() {
        Ok(scale) if !file.is_empty() => Lora::new(file, scale).map_err(|error| error.to_string()),
        _ => Err("write it as FILE or FILE:SCALE, for example style.safetensors:0.8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_sizes_and_intervals() {
        assert_eq!(size("160x96"), Ok([160, 96]));
        assert_eq!(size("100000×100000"), Ok([100_000, 100_000]));
        assert_eq!(interval("0.2-0.9"), Ok([0.2, 0.9]));
        for text in ["", "160", "x", "-1x5", "axb", "99999999999x1"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(interval("0.5").is_err());
    }

    #[test]
    fn reads_loras_with_and_without_a_scale() {
        for (text, file, scale) in [
            ("a.safetensors", "a.safetensors", 1.0),
            ("a.safetensors:0.5", "a.safetensors", 0.5),
            ("b/a b.safetensors:-2", "b/a b.safetensors", -2.0),
            ("C:\\a.safetensors", "C:\\a.safetensors", 1.0),
            ("C:\\a.safetensors:1e-1", "C:\\a.safetensors", 0.1),
            ("a:b.safetensors", "a:b.safetensors", 1.0),
        ] {
            assert_eq!(lora(text), Ok(Lora::new(file, scale).unwrap()), "{text}");
        }
        for text in ["", ":1", "a:high", "a.safetensors:", "a.safetensors:nan", "a.safetensors:inf"] {
            assert!(lora(text).is_err(), "{text}");
        }
    }
}
