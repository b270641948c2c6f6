//! Prompts as the model saw captions in training: without leftovers of web pages and typesetting.

/// Cleans a prompt as diffusers' `prompt_clean` does.
///
/// Curly quotes, ligatures, characters of double width and control characters become plain ones, as ftfy has it;
/// entities such as `&amp;` become characters, twice, since captions were often escaped twice; and any space becomes
/// one blank. What ftfy also does, and this does not, is to guess the encoding of text that was decoded wrongly.
pub fn clean(text: &str) -> String {
    let plain: String = text.chars().flat_map(plain).collect();
    let once = html_escape::decode_html_entities(&plain);
    let twice = html_escape::decode_html_entities(&once);
    twice.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The plain form of a character: none, one or several.
fn plain(letter: char) -> impl Iterator<Item = char> {
    let single = |letter: char| [Some(letter), None, None];
    let replaced = match letter {
        '\u{2018}'..='\u{201b}' | '\u{2bc}' => single('\''),
        '\u{201c}'..='\u{201f}' => single('"'),
        // Latin letters, digits and marks of double width, and the ideographic space.
        '\u{ff01}'..='\u{ff5e}' => single(char::from_u32(letter as u32 - 0xff01 + 0x21).unwrap_or(letter)),
        '\u{3000}' => single(' '),
        'ﬀ' => [Some('f'), Some('f'), None],
        'ﬁ' => [Some('f'), Some('i'), None],
        'ﬂ' => [Some('f'), Some('l'), None],
        'ﬃ' => [Some('f'), Some('f'), Some('i')],
        'ﬄ' => [Some('f'), Some('f'), Some('l')],
        '\t' | '\n' | '\r' => single(letter),
        // Line and paragraph ends of Unicode.
        '\u{85}' | '\u{2028}' | '\u{2029}' => single('\n'),
        '\0'..='\u{1f}' | '\u{7f}' | '\u{feff}' | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffc}' => [None; 3],
        other => single(other),
    };
    replaced.into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_pages_and_typesetting_go() {
        for (text, cleaned) in [
            ("  a red\n\tball  ", "a red ball"),
            ("salt &amp; pepper", "salt & pepper"),
            ("salt &amp;amp; pepper &lt;3", "salt & pepper <3"),
            ("caf&#233; &#x7f8e;", "café 美"),
            ("\u{201c}sky\u{201d} \u{2018}blue\u{2019}", "\"sky\" 'blue'"),
            ("红球，滚过草地！", "红球,滚过草地!"),
            ("ﬁne\u{0} ﬂow\u{3000}er", "fine flow er"),
            ("", ""),
        ] {
            assert_eq!(clean(text), cleaned);
        }
    }
}
