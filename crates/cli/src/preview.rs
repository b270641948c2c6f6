//! Pictures inside a terminal that can show them: kitty's protocol and iTerm2's.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use video::{Clip, VideoError, contact_sheet, encode_gif, encode_png};

/// Frames of a strip, where the terminal cannot play.
const STRIP_FRAMES: usize = 6;
/// Longest part of a picture in one escape sequence of kitty's.
const KITTY_CHUNK: usize = 4096;

/// How a terminal takes pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    /// Takes PNG.
    Kitty,
    /// Takes whole files, and plays GIF.
    Iterm,
}

/// Whether standard output is a terminal that can show pictures.
pub fn is_possible() -> bool {
    io::stdout().is_terminal() && protocol(|name| env::var(name).ok()).is_some()
}

/// Shows a clip, or a strip of its frames, where [`is_possible`]; a preview that fails is no error.
pub fn show(clip: &Clip) {
    let Some(protocol) = protocol(|name| env::var(name).ok()).filter(|_| io::stdout().is_terminal()) else { return };
    if let Ok(sequence) = encode(clip, protocol) {
        let mut stdout = io::stdout().lock();
        let _ = writeln!(stdout, "{sequence}").and_then(|()| stdout.flush());
    }
}

/// Which protocol the terminal says that it speaks; none inside a multiplexer, which swallows pictures.
fn protocol(variable: impl Fn(&str) -> Option<String>) -> Option<Protocol> {
    if variable("TMUX").is_some() || variable("STY").is_some() {
        return None;
    }
    let is = |name: &str, value: &str| variable(name).is_some_and(|found| found == value);
    if variable("KITTY_WINDOW_ID").is_some()
        || is("TERM", "xterm-kitty")
        || is("TERM", "xterm-ghostty")
        || is("TERM_PROGRAM", "ghostty")
    {
        Some(Protocol::Kitty)
    } else if is("TERM_PROGRAM", "iTerm.app") || is("LC_TERMINAL", "iTerm2") || is("TERM_PROGRAM", "WezTerm") {
        Some(Protocol::Iterm)
    } else {
        None
    }
}

fn encode(clip: &Clip, protocol: Protocol) -> Result<String, VideoError> {
    match protocol {
        Protocol::Kitty => Ok(kitty(&encode_png(&contact_sheet(&[clip], STRIP_FRAMES)?)?)),
        Protocol::Iterm => Ok(iterm(&encode_gif(clip)?)),
    }
}

/// Source: kitty's "Terminal graphics protocol", transmission in chunks (`m=1` until the last).
fn kitty(png: &[u8]) -> String {
    let text = base64(png);
    let mut sequence = String::with_capacity(text.len() + text.len() / 256);
    let mut rest = text.as_str();
    let mut keys = "a=T,f=100,q=2,";
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(KITTY_CHUNK));
        let more = u8::from(!after.is_empty());
        sequence.push_str(&format!("\x1b_G{keys}m={more};{chunk}\x1b\\"));
        (rest, keys) = (after, "");
    }
    sequence
}

/// Source: iTerm2's "Inline images protocol".
fn iterm(file: &[u8]) -> String {
    format!("\x1b]1337;File=inline=1;size={}:{}\x07", file.len(), base64(file))
}

/// Source: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| bits << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for letter in 0..4 {
            let index = bits >> (18 - 6 * letter) & 63;
            text.push(if letter <= group.len() { char::from(LETTERS[index as usize]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_the_rfc() {
        let vectors = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in vectors {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn terminals_are_known_by_what_they_set() {
        let found = |set: &[(&str, &str)]| {
            protocol(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(found(&[("KITTY_WINDOW_ID", "1")]), Some(Protocol::Kitty));
        assert_eq!(found(&[("TERM_PROGRAM", "iTerm.app")]), Some(Protocol::Iterm));
        assert_eq!(found(&[("TERM_PROGRAM", "WezTerm"), ("TMUX", "x")]), None);
        assert_eq!(found(&[("TERM", "xterm-256color")]), None);
    }

    #[test]
    fn a_long_picture_goes_to_kitty_in_chunks() {
        let sequence = kitty(&[7; 7000]);
        assert_eq!((sequence.matches("\x1b_G").count(), sequence.matches("m=1;").count()), (3, 2));
        assert!(sequence.starts_with("\x1b_Ga=T,f=100") && sequence.ends_with("\x1b\\"));
    }
}
