//! Prompts with the things of a story in them, so that a thing is described alike in every shot.

use std::collections::BTreeMap;

/// Puts descriptions in where a prompt names things in braces, and what all cards share behind it.
///
/// # Errors
/// What is wrong, when a thing is unknown, a brace stands alone, or nothing is said at all.
pub fn prompt(own: Option<&str>, shared: Option<&str>, things: &BTreeMap<String, String>) -> Result<String, String> {
    let parts = [own, shared].into_iter().flatten().map(str::trim).filter(|part| !part.is_empty());
    let parts = parts.map(|part| filled(part, things)).collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        Err("has no prompt, and the story has none that all cards share".into())
    } else {
        Ok(parts.join(", "))
    }
}

fn filled(text: &str, things: &BTreeMap<String, String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once(['{', '}']) {
        let thing = after.split_once('}').filter(|_| rest.as_bytes().get(before.len()) == Some(&b'{'));
        let Some((name, behind)) = thing else {
            return Err(format!("has a brace without its other half in its prompt: {text:?}"));
        };
        let Some(description) = things.get(name.trim()) else {
            let known: Vec<&str> = things.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".into() } else { known.join(", ") };
            return Err(format!("names the thing {name:?}, which is not among [things]: there are {known}"));
        };
        filled.push_str(before);
        filled.push_str(description.trim());
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_where_they_are_named_and_what_is_shared_behind() {
        let things = BTreeMap::from([("ball".into(), "a red ball".into()), ("球".into(), "红色的球".into())]);
        let said = |own, shared| prompt(own, shared, &things);
        assert_eq!(
            said(Some("{ball} rolls to {球}"), Some(" at noon ")).unwrap(),
            "a red ball rolls to 红色的球, at noon"
        );
        assert_eq!(said(None, Some("at noon")).unwrap(), "at noon");
        assert_eq!(said(Some("no thing"), None).unwrap(), "no thing");
        for (own, expected) in [
            (Some("{cube} falls"), "names the thing \"cube\", which is not among [things]: there are ball, 球"),
            (Some("{ball rolls"), "a brace without its other half"),
            (Some("ball} rolls {ball}"), "a brace without its other half"),
            (Some("  "), "has no prompt"),
            (None, "has no prompt"),
        ] {
            let message = said(own, None).unwrap_err();
            assert!(message.contains(expected), "{message}");
        }
        assert!(prompt(Some("{ball}"), None, &BTreeMap::new()).unwrap_err().ends_with("there are none"));
    }
}
