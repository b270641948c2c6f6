//! A policy's file becomes a policy: lists are put in where rules name them, and everything is checked.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use toml::Spanned;

use super::{
    file::{CategoryFile, PolicyFile, RuleFile, at},
    images::ImageRules,
    matcher::{Matcher, TermId},
    policy::{Category, Policy, Use},
    rules::{Group, Rule},
    terms::{Pattern, patterns},
};

const MOST_IMAGE_FRAMES: usize = 64;
const MOST_IMAGE_SECONDS: f64 = 600.0;
const MOST_WORDS_BETWEEN: u32 = 10_000;
const MOST_GROUPS: usize = 32;

/// Makes a policy of a file's text.
///
/// # Errors
/// The line, where it is known, and what is wrong there.
pub(super) fn compile(text: &str) -> Result<Policy, String> {
    let file = PolicyFile::parse(text)?;
    let images = images(text, &file)?;
    let mut compiler = Compiler { text, lists: &file.lists, numbers: HashMap::new(), terms: Vec::new() };
    // A list that no rule names may be wrong too.
    for terms in file.lists.values() {
        compiler.group(terms)?;
    }
    let exceptions = compiler.group(&file.exceptions)?;
    let mut ids = BTreeSet::new();
    let mut categories = Vec::with_capacity(file.categories.len());
    for category in &file.categories {
        let id = category.id.get_ref();
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
        if id.is_empty() || !id.chars().all(is_plain) {
            return Err(compiler.wrong(&category.id, &format!("the id {id:?} is not of letters, digits, - and _")));
        }
        if !ids.insert(id) {
            return Err(compiler.wrong(&category.id, &format!("there are two categories with the id {id:?}")));
        }
        categories.push(compiler.category(category)?);
    }
    let matcher = Matcher::new(&compiler.terms).map_err(|error| format!("its terms are too many: {error}"))?;
    let uses = uses(compiler.terms.len(), &categories);
    Ok(Policy { name: file.name, log_prompts: file.log_prompts, images, matcher, exceptions, categories, uses })
}

/// Where each term is used.
fn uses(num_terms: usize, categories: &[Category]) -> Vec<Vec<Use>> {
    let mut uses = vec![Vec::new(); num_terms];
    for (category, file) in categories.iter().enumerate() {
        for (rule, groups) in file.rules.iter().map(|rule| &rule.groups).enumerate() {
            for (group, terms) in groups.iter().enumerate() {
                terms.terms().iter().for_each(|term| uses[*term as usize].push(Use { category, rule, group }));
            }
        }
    }
    uses
}

struct Compiler<'a> {
    text: &'a str,
    lists: &'a BTreeMap<String, Vec<Spanned<String>>>,
    numbers: HashMap<String, TermId>,
    terms: Vec<Vec<Pattern>>,
}

impl Compiler<'_> {
    fn wrong<T>(&self, place: &Spanned<T>, problem: &str) -> String {
        at(self.text, place.span().start, problem)
    }

    fn category(&mut self, file: &CategoryFile) -> Result<Category, String> {
        let id = file.id.get_ref();
        if file.rules.is_empty() && file.image_threshold.is_none() {
            return Err(self.wrong(&file.id, &format!("the category {id:?} has neither a rule nor an image_threshold")));
        }
        let image_threshold = file.image_threshold.as_ref().map(|threshold| *threshold.get_ref());
        if let Some(place) = &file.image_threshold
            && !image_threshold.is_some_and(|threshold| threshold > 0.0 && threshold <= 1.0)
        {
            return Err(self.wrong(place, "image_threshold lies above 0 and is at most 1"));
        }
        let mut names = BTreeSet::new();
        let mut rules = Vec::with_capacity(file.rules.len());
        for rule in &file.rules {
            let name = rule.name.get_ref();
            if !names.insert(name) {
                return Err(self.wrong(&rule.name, &format!("the category {id:?} has two rules called {name:?}")));
            }
            rules.push(self.rule(rule)?);
        }
        Ok(Category {
            id: id.clone(),
            explanation: file.explanation.clone(),
            explanation_zh: file.explanation_zh.clone(),
            action: file.action,
            image_threshold,
            exceptions: self.group(&file.exceptions)?,
            rules,
        })
    }

    fn rule(&mut self, file: &RuleFile) -> Result<Rule, String> {
        let name = file.name.get_ref();
        let mut groups = Vec::new();
        if !file.any.is_empty() {
            groups.push(self.group(&file.any)?);
        }
        for part in &file.all {
            groups.push(self.group(std::slice::from_ref(part))?);
        }
        if groups.len() > MOST_GROUPS {
            return Err(
                self.wrong(&file.name, &format!("the rule {name:?} asks for more than {MOST_GROUPS} things at once"))
            );
        }
        if groups.is_empty() || groups.iter().any(Group::is_empty) {
            return Err(
                self.wrong(&file.name, &format!("the rule {name:?} would hold of every prompt; give it any or all"))
            );
        }
        if file.near.is_some_and(|near| near == 0 || near > MOST_WORDS_BETWEEN) {
            return Err(
                self.wrong(&file.name, &format!("near of the rule {name:?} lies between 1 and {MOST_WORDS_BETWEEN}"))
            );
        }
        let unless = self.group(&file.unless)?;
        Ok(Rule { name: name.clone(), groups, unless, near: file.near, judges: file.judges })
    }

    fn group(&mut self, terms: &[Spanned<String>]) -> Result<Group, String> {
        let mut found = Vec::new();
        for term in terms {
            self.collect(term, &mut Vec::new(), &mut found)?;
        }
        Ok(found.into_iter().collect())
    }

    /// A term, or all of the list that it names; `open` are lists that name this one.
    fn collect(
        &mut self,
        term: &Spanned<String>,
        open: &mut Vec<String>,
        found: &mut Vec<TermId>,
    ) -> Result<(), String> {
        let Some(list) = term.get_ref().strip_prefix('@') else {
            found.push(self.term(term)?);
            return Ok(());
        };
        if open.iter().any(|name| name == list) {
            return Err(self.wrong(term, &format!("the list @{list} holds itself")));
        }
        let lists = self.lists;
        let Some(terms) = lists.get(list) else {
            let known: Vec<String> = lists.keys().map(|name| format!("@{name}")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(self.wrong(term, &format!("there is no list @{list} under [lists]; there are {known}")));
        };
        open.push(list.to_owned());
        terms.iter().try_for_each(|term| self.collect(term, open, found))?;
        open.pop();
        Ok(())
    }

    fn term(&mut self, term: &Spanned<String>) -> Result<TermId, String> {
        if let Some(number) = self.numbers.get(term.get_ref()) {
            return Ok(*number);
        }
        let patterns = patterns(term.get_ref())
            .map_err(|problem| self.wrong(term, &format!("the term {:?} {problem}", term.get_ref())))?;
        let number = self.terms.len() as TermId;
        self.terms.push(patterns);
        self.numbers.insert(term.get_ref().clone(), number);
        Ok(number)
    }
}

fn images(text: &str, file: &PolicyFile) -> Result<ImageRules, String> {
    let defaults = ImageRules::default();
    let command = file.image_command.as_ref().map_or_else(Vec::new, |command| command.get_ref().clone());
    let wrong = |byte: usize, problem: &str| Err(at(text, byte, problem));
    let line = file.image_command.as_ref().map_or(0, |command| command.span().start);
    if file.image_command.is_some() && command.first().is_none_or(String::is_empty) {
        return wrong(line, "image_command begins with the name of a program");
    }
    let has_threshold = file.categories.iter().any(|category| category.image_threshold.is_some());
    if !command.is_empty() && !has_threshold {
        return wrong(line, "image_command is of no use while no category has an image_threshold");
    }
    if command.is_empty() && file.image_finished {
        return Err("image_finished needs an image_command".into());
    }
    if let Some(frames) =
        file.image_frames.as_ref().filter(|frames| !(1..=MOST_IMAGE_FRAMES).contains(frames.get_ref()))
    {
        return wrong(frames.span().start, &format!("image_frames lies between 1 and {MOST_IMAGE_FRAMES}"));
    }
    let timeout = match &file.image_timeout_secs {
        None => defaults.timeout,
        Some(seconds) if *seconds.get_ref() > 0.0 && *seconds.get_ref() <= MOST_IMAGE_SECONDS => {
            Duration::from_secs_f64(*seconds.get_ref())
        }
        Some(seconds) => {
            let problem = format!("image_timeout_secs lies above 0 and is at most {MOST_IMAGE_SECONDS}");
            return wrong(seconds.span().start, &problem);
        }
    };
    Ok(ImageRules {
        command,
        timeout,
        frames: file.image_frames.as_ref().map_or(defaults.frames, |frames| *frames.get_ref()),
        looks_at_finished: file.image_finished,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "[[category.rule]]\nname = \"r\"\nany = [\"bad\"]\n";

    fn policy(head: &str, category: &str, more: &str) -> String {
        format!("name = \"test\"\n{head}\n[[category]]\nid = \"a\"\nexplanation = \"no\"\n{category}\n{more}")
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        for (text, expected) in [
            (policy("", "", ""), "line 4: the category \"a\" has neither a rule"),
            (policy("", "actoin = \"allow\"", RULE), "line 6: unknown field `actoin`"),
            (policy("", "action = \"forbid\"", RULE), "line 6: unknown variant `forbid`, expected `refuse` or `allow`"),
            (policy("", "", "[[category.rule]]\nname = \"r\"\nany = [\"@worse\"]"), "line 9: there is no list @worse"),
            (policy("[lists]\nx = [\"@x\"]", "", RULE), "line 3: the list @x holds itself"),
            (policy("[lists]\nx = [\"...\"]", "", RULE), "line 3: the term \"...\" holds no letters"),
            (policy("", "", "[[category.rule]]\nname = \"r\""), "line 8: the rule \"r\" would hold of every prompt"),
            (policy("", "", "[[category.rule]]\nname = \"r\"\nany = [\"x y\"]\nnear = 0"), "line 8: near of the rule"),
            (policy("", "", &RULE.repeat(2)), "line 11: the category \"a\" has two rules called \"r\""),
            (
                policy("", RULE, &policy("", "", RULE).replace("name = \"test\"\n", "")),
                "two categories with the id \"a\"",
            ),
            (policy("", "image_threshold = 2.0", ""), "line 6: image_threshold lies above 0"),
            (policy("image_frames = 0", "image_threshold = 0.5", ""), "line 2: image_frames lies between 1 and 64"),
            (
                policy("image_timeout_secs = -1.0", "image_threshold = 0.5", ""),
                "line 2: image_timeout_secs lies above 0",
            ),
            (policy("image_finished = true", "image_threshold = 0.5", ""), "image_finished needs an image_command"),
            (policy("image_command = [\"true\"]", "", RULE), "line 2: image_command is of no use"),
            (policy("image_command = [\"\"]", "image_threshold = 0.5", ""), "line 2: image_command begins with"),
            ("name = ".to_owned(), "line 1"),
            (RULE.to_owned(), "line 1: invalid type"),
            ("image_frames = 3".to_owned(), "missing field `name`"),
        ] {
            let problem = compile(&text).err().unwrap_or_else(|| panic!("{text}"));
            assert!(problem.contains(expected) && problem.lines().count() == 1, "{problem}\n{text}");
        }
        assert!(compile(&policy("", "", RULE)).is_ok());
        assert!(compile("name = \"nothing is refused\"").is_ok());
    }
}
