//! When a rule applies: its groups of terms stand close enough together, and nothing beside them makes them harmless.

use super::{
    file::Judged,
    matcher::{Occurrence, TermId},
};

/// How far from a rule's terms that which makes them harmless may stand, in words and characters.
const BESIDE: u32 = 10;

/// A rule, with its terms resolved.
pub(super) struct Rule {
    pub(super) name: String,
    /// Of each group one term has to be there.
    pub(super) groups: Vec<Group>,
    pub(super) unless: Group,
    /// Most words and characters from the first term to the last.
    pub(super) near: Option<u32>,
    pub(super) judges: Judged,
}

/// Terms that stand for one another, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group(Vec<TermId>);

impl FromIterator<TermId> for Group {
    fn from_iter<I: IntoIterator<Item = TermId>>(terms: I) -> Self {
        let mut terms: Vec<TermId> = terms.into_iter().collect();
        terms.sort_unstable();
        terms.dedup();
        Self(terms)
    }
}

impl Group {
    pub(super) fn holds(&self, term: TermId) -> bool {
        self.0.binary_search(&term).is_ok()
    }

    pub(super) fn terms(&self) -> &[TermId] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Rule {
    /// Whether it applies to a text in which these terms stand, in their order.
    pub(super) fn applies(&self, found: &[Occurrence]) -> bool {
        let beside = |place: &Occurrence, term: &Occurrence| {
            term.start <= place.end.saturating_add(BESIDE) && place.start <= term.end.saturating_add(BESIDE)
        };
        let lifting: Vec<&Occurrence> = found.iter().filter(|place| self.unless.holds(place.term)).collect();
        let stands = |place: &&Occurrence| !lifting.iter().any(|term| beside(place, term));
        // Each place with the groups that it belongs to.
        let mut places: Vec<(Occurrence, usize)> = Vec::new();
        for (number, group) in self.groups.iter().enumerate() {
            let before = places.len();
            places.extend(
                found.iter().filter(|place| group.holds(place.term)).filter(stands).map(|place| (*place, number)),
            );
            if places.len() == before {
                return false;
            }
        }
        let Some(near) = self.near else { return true };
        places.sort_unstable();
        self.are_close(&places, near)
    }

    /// Whether every group has a place within one stretch of `near` words.
    fn are_close(&self, places: &[(Occurrence, usize)], near: u32) -> bool {
        (0..places.len()).any(|first| {
            let limit = places[first].0.start.saturating_add(near);
            let within = places[first..].iter().take_while(|(place, _)| place.start < limit);
            let mut seen = vec![false; self.groups.len()];
            within.filter(|(place, _)| place.end <= limit).for_each(|(_, group)| seen[*group] = true);
            seen.into_iter().all(|seen| seen)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &[&[TermId]], near: Option<u32>) -> Rule {
        let groups = groups.iter().map(|group| group.iter().copied().collect()).collect();
        Rule { name: "test".into(), groups, unless: Group::from_iter([9]), near, judges: Judged::Both }
    }

    fn found(terms: &[(TermId, u32)]) -> Vec<Occurrence> {
        terms.iter().map(|&(term, start)| Occurrence { start, end: start + 1, term }).collect()
    }

    #[test]
    fn all_groups_have_to_be_there() {
        let both = rule(&[&[0, 1], &[2]], None);
        assert!(both.applies(&found(&[(1, 3), (2, 90)])));
        assert!(!both.applies(&found(&[(0, 3), (1, 4)])));
        assert!(!both.applies(&[]));
    }

    #[test]
    fn close_means_within_one_stretch() {
        let close = rule(&[&[0], &[1], &[2]], Some(5));
        assert!(close.applies(&found(&[(0, 1), (2, 7), (1, 9), (0, 10)])));
        assert!(!close.applies(&found(&[(0, 1), (1, 3), (2, 7)])));
    }

    #[test]
    fn what_makes_terms_harmless_stands_beside_them() {
        let lifted = rule(&[&[0]], None);
        assert!(!lifted.applies(&found(&[(0, 5), (9, 12)])));
        assert!(lifted.applies(&found(&[(0, 5), (9, 40)])));
        assert!(lifted.applies(&found(&[(0, 5), (9, 7), (0, 50)])));
    }
}
