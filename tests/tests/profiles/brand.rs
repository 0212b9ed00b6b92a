//! What is claimed of a service, and the judgement of it.
//!
//! A claim is a place in the service's documents with a check of the running gateway. One that
//! cannot hold yet says why, and fails as soon as it holds: the list can only shrink.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tollgate_tests::client::Answer;
use tollgate_tests::config::Config;

use crate::documents::{figures, of_host};
use crate::examples::{Example, Kind, examples, number, shown_answers};
use crate::shop::Shop;

/// A service, as its documents have it.
pub(crate) struct Brand {
    /// Its profile.
    pub(crate) profile: &'static str,
    /// The host of its addresses.
    pub(crate) host: &'static str,
    /// Where it takes chats.
    pub(crate) chat: &'static str,
    /// The model of an example that names none.
    pub(crate) model: &'static str,
    /// How many requests its documents show.
    pub(crate) shown: usize,
    /// What is for sale, at a provider's address.
    pub(crate) catalog: fn(Config, &str) -> Config,
    /// What its documents claim.
    pub(crate) claims: &'static [Claim],
    /// The examples that cannot run yet, by name, and why.
    pub(crate) not_yet: &'static [(&'static str, &'static str)],
    /// What the answer of an example must be.
    pub(crate) judge: fn(&Shop, &Example, &Answer),
}

/// Something that documents say.
pub(crate) struct Claim {
    /// Where they say it: each of these stands in them.
    pub(crate) says: &'static [&'static str],
    /// What comes of it.
    pub(crate) holds: Holds,
}

/// Whether a claim holds.
pub(crate) enum Holds {
    /// The running gateway shows it.
    Now(fn(&Shop)),
    /// It does not yet: why, and what will show it.
    NotYet(&'static str, fn(&Shop)),
    /// It says nothing that a running gateway could show: why not.
    Elsewhere(&'static str),
}

/// A claim that the running gateway shows.
pub(crate) const fn now(says: &'static [&'static str], check: fn(&Shop)) -> Claim {
    Claim { says, holds: Holds::Now(check) }
}

/// A claim that cannot hold yet.
pub(crate) const fn not_yet(
    says: &'static [&'static str],
    why: &'static str,
    check: fn(&Shop),
) -> Claim {
    Claim { says, holds: Holds::NotYet(why, check) }
}

/// A claim that is not about a running gateway.
pub(crate) const fn elsewhere(says: &'static [&'static str], why: &'static str) -> Claim {
    Claim { says, holds: Holds::Elsewhere(why) }
}

impl Brand {
    /// Every request that its documents show.
    pub(crate) fn examples(&self) -> Option<Vec<Example>> {
        let documents = of_host(self.host)?;
        let mut found: Vec<_> =
            documents.iter().flat_map(|document| examples(document, self.chat)).collect();
        number(&mut found);
        Some(found)
    }

    /// Runs every example.
    pub(crate) fn run_examples(&self, shop: &Shop) {
        let Some(found) = self.examples() else { return };
        let mut complaints = Vec::new();
        for example in &found {
            let why = self.not_yet.iter().find(|(name, _)| *name == example.name);
            let run = || {
                let answer = shop.send(example);
                match example.kind {
                    Kind::Path => assert!(is_there(&answer), "{}", answer.text()),
                    Kind::Request => (self.judge)(shop, example, &answer),
                }
            };
            complaints.extend(judged(&example.name, why.map(|(_, why)| *why), run));
        }
        for (name, _) in self.not_yet {
            if !found.iter().any(|example| example.name == *name) {
                complaints.push(format!("{name}: no such example is left to wait for"));
            }
        }
        assert!(complaints.is_empty(), "{}:\n{}", self.profile, complaints.join("\n"));
        assert_eq!(found.len(), self.shown, "{}: found are {found:#?}", self.profile);
    }

    /// Checks every claim.
    pub(crate) fn check_claims(&self, shop: &Shop) {
        let complaints = self.claims.iter().filter_map(|claim| {
            let what = claim.says.join(", ");
            match claim.holds {
                Holds::Now(check) => judged(&what, None, || check(shop)),
                Holds::NotYet(why, check) => judged(&what, Some(why), || check(shop)),
                Holds::Elsewhere(why) => {
                    println!("not shown here: {what}: {why}");
                    None
                }
            }
        });
        let complaints: Vec<_> = complaints.collect();
        assert!(complaints.is_empty(), "{}:\n{}", self.profile, complaints.join("\n"));
    }

    /// Claims stand in the documents, and every figure of the documents stands in a claim or in an
    /// example.
    pub(crate) fn check_coverage(&self) {
        let Some(documents) = of_host(self.host) else { return };
        let mut complaints = Vec::new();
        for words in self.claims.iter().flat_map(|claim| claim.says) {
            if !documents.iter().any(|document| document.text.contains(words)) {
                complaints.push(format!("no document says {words:?}"));
            }
        }
        for document in &documents {
            let text = &*document.text;
            let claimed = self.claims.iter().flat_map(|claim| claim.says);
            let claimed = claimed.flat_map(|words| text.match_indices(*words));
            let mut told: Vec<_> = claimed.map(|(at, words)| at..at + words.len()).collect();
            told.extend(examples(document, self.chat).into_iter().map(|example| example.place));
            told.extend(shown_answers(document).into_iter().map(|(_, place)| place));
            for figure in figures(text) {
                let is_told = |range: &&std::ops::Range<usize>| {
                    range.start <= figure.start && figure.end <= range.end
                };
                if !told.iter().any(|range| is_told(&range)) {
                    let around = text[..figure.start].char_indices().rev().nth(30);
                    let from = around.map_or(0, |(at, _)| at);
                    let shown = &text[from..figure.end];
                    complaints.push(format!("{}: nobody holds {shown:?}", document.name));
                }
            }
        }
        assert!(complaints.is_empty(), "{}:\n{}", self.profile, complaints.join("\n"));
    }
}

/// Whether something answers at a path, be it that it asks for more.
fn is_there(answer: &Answer) -> bool {
    let is_unknown = answer.status() == 404 && answer.text().contains("not_found");
    !is_unknown && answer.status() != 501
}

/// What is wrong with a claim: it does not hold, or it holds before its time.
fn judged(what: &str, not_yet: Option<&str>, check: impl FnOnce()) -> Option<String> {
    match (catch_unwind(AssertUnwindSafe(check)), not_yet) {
        (Ok(()), None) | (Err(_), Some(_)) => None,
        (Ok(()), Some(why)) => Some(format!("{what}: holds now, so wait for it no more ({why})")),
        (Err(panic), None) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
            Some(format!("{what}: {}", text.unwrap_or_default()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_must_hold_and_what_cannot_must_not() {
        assert_eq!(judged("a", None, || {}), None);
        assert_eq!(judged("a", Some("later"), || panic!("no")), None);
        assert_eq!(judged("a", None, || panic!("no {}", 1)), Some("a: no 1".to_owned()));
        assert!(judged("a", Some("later"), || {}).is_some());
    }
}
