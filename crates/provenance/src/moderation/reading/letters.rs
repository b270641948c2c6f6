//! Letters in their plainest form: what looks or sounds alike becomes alike.

use std::{collections::HashMap, sync::LazyLock};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

/// Traditional characters, each before its simplified one: those of a single simplified form that is among the 3755
/// commonest, after the table of characters of OpenCC.
const TRADITIONAL: &str = include_str!("traditional.txt");

/// Letters of other scripts, each list before the Latin letters that they stand for: by their looks where these are the same,
/// else by their sound.
const LOOK_ALIKES: &[(&str, &str)] = &[
    ("абвгдежзиклмнопрстухфцчшщъыьэюя", "abbrdejziklmhoppctyxfchwwbbbeur"),
    ("іјѕԁԛԝһӏґєђҽҡүұ", "ijsdqwhlrehekyy"),
    ("αβγδεζηθικλμνξοπρςστυφχψω", "abydeznoikluvxoppsstufxww"),
    ("ոօսհցզյկ", "nouhgqjk"),
    ("ɑɡıɩʟɴɪʀʏʙʜᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜰꜱɢəɛɔʌʋ", "agiilnirybhacdejkmoptuvwzfsgeecav"),
    ("øłđħŧƒðþ", "oldhtfdp"),
];

/// One letter that stands for two.
const LIGATURES: &[(char, &str)] = &[('ß', "ss"), ('æ', "ae"), ('œ', "oe")];

static ALIKE: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let others = LOOK_ALIKES.iter().flat_map(|(others, latin)| others.chars().zip(latin.chars()));
    let simplified = TRADITIONAL.split_whitespace().filter_map(|pair| {
        let mut pair = pair.chars();
        Some((pair.next()?, pair.next()?))
    });
    others.chain(simplified).collect()
});

/// A text in plain letters: compatibility forms resolved, case folded, marks and what is invisible left out, look-alikes
/// made Latin, traditional characters simplified.
pub(super) fn plain(text: &str) -> Vec<char> {
    let mut letters = Vec::with_capacity(text.len());
    if text.is_ascii() {
        letters.extend(text.chars().map(|letter| letter.to_ascii_lowercase()));
        return letters;
    }
    for letter in text.nfkd().filter(|letter| !is_combining_mark(*letter) && !is_invisible(*letter)) {
        let letter = from_emblem(letter);
        for letter in letter.to_lowercase().filter(|letter| !is_combining_mark(*letter)) {
            match LIGATURES.iter().find(|(one, _)| *one == letter) {
                Some((_, two)) => letters.extend(two.chars()),
                None if letter.is_ascii() => letters.push(letter),
                None => letters.push(ALIKE.get(&letter).copied().unwrap_or(letter)),
            }
        }
    }
    letters
}

/// Whether a letter belongs to a script that sets no spaces between words.
pub(super) const fn is_unspaced(letter: char) -> bool {
    matches!(
        letter,
        '\u{1100}'..='\u{11FF}' | '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{312F}' | '\u{3400}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
    )
}

/// What takes no room: joiners, marks of direction, variation selectors, tags, fillers.
const fn is_invisible(letter: char) -> bool {
    matches!(
        letter,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Letters inside of circles, squares and flags, which have no compatibility form.
fn from_emblem(letter: char) -> char {
    let number = u32::from(letter);
    let first = match number {
        0x1F150..=0x1F169 => 0x1F150,
        0x1F170..=0x1F189 => 0x1F170,
        0x1F1E6..=0x1F1FF => 0x1F1E6,
        _ => return letter,
    };
    char::from_u32(u32::from('a') + number - first).unwrap_or(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        plain(text).into_iter().collect()
    }

    #[test]
    fn tables_pair_letter_by_letter() {
        for (others, latin) in LOOK_ALIKES {
            assert_eq!(others.chars().count(), latin.chars().count(), "{others}");
        }
        assert!(TRADITIONAL.split_whitespace().all(|pair| pair.chars().count() == 2));
    }

    #[test]
    fn what_looks_alike_becomes_alike() {
        for naked in [
            "ＮＡＫＥＤ",
            "nаkеd",
            "ηακεδ",
            "n\u{200B}a\u{AD}ked",
            "ń̴a̷k̸ë́d",
            "𝓷𝓪𝓴𝓮𝓭",
            "ⓝⓐⓚⓔⓓ",
            "🅽🅰🅺🅴🅳",
            "🇳🇦🇰🇪🇩",
            "ɴᴀᴋᴇᴅ",
        ] {
            assert_eq!(folded(naked), "naked", "{naked}");
        }
        assert_eq!(folded("Straße, Ærø"), "strasse, aero");
        assert_eq!(folded("殺人與屍體"), "杀人与尸体");
        assert_eq!(folded("Beyoncé"), "beyonce");
    }
}
