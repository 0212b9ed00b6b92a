//! The order inside the data plane: a stage sees results of earlier stages, nothing calls back.
//!
//! `request.rs`, with what is under it, alone calls the stages. A stage may import the types that
//! an earlier stage made, the rooms below it (`local`, `upstream`, `net`), and nothing of who
//! called it. What the stages share among themselves (a meter's parts, a fault's refusal) is no
//! stage and not judged here.

use std::cmp::Ordering;

use crate::source::{Complaint, Source, Word};

/// The stages in the order of their results: `admit` ends with the hold, which needs the plan.
const ORDER: [&str; 9] =
    ["authenticate", "pace", "read", "plan", "admit", "exchange", "relay", "settle", "report"];
/// Files that may name any stage.
const STORY: [&str; 4] = [
    "dataplane/src/request.rs",
    "dataplane/src/request/extract.rs",
    "dataplane/src/stage.rs",
    "dataplane/src/for_benches.rs",
];
/// A room of the data plane and the rooms it must not look into.
const ROOMS: [(&str, &[&str]); 4] = [
    ("net", &["stage", "upstream", "local", "connection", "listener", "worker", "request"]),
    ("upstream", &["stage", "connection", "listener", "worker", "request"]),
    ("local", &["stage", "connection", "listener", "worker", "request"]),
    ("stage", &["connection", "listener", "worker", "request"]),
];

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let Some(path) = source.path.strip_prefix("dataplane/src/") else {
        return Vec::new();
    };
    let mut complaints = Vec::new();
    for word in source.words() {
        let line = source.line_of(word.at);
        let fault = room_fault(path, word).or_else(|| stage_fault(source, path, word));
        if let Some(what) = fault.filter(|_| !source.is_test(line)) {
            complaints.push(source.complain(line, what));
        }
    }
    complaints
}

/// A room that looks into one above it.
fn room_fault(path: &str, word: Word<'_>) -> Option<String> {
    let room = path.split(['/', '.']).next().unwrap_or_default();
    let (_, closed) = ROOMS.iter().find(|(name, _)| *name == room)?;
    let from_root = word.before().ends_with("crate::");
    (from_root && closed.contains(&word.text))
        .then(|| format!("`{room}` must not know `{}`", word.text))
}

/// A stage named where it should not be, or for more than its result.
fn stage_fault(source: &Source, path: &str, word: Word<'_>) -> Option<String> {
    let named = ORDER.iter().position(|stage| *stage == word.text)?;
    let is_path = ["stage::", "super::"].iter().any(|end| word.before().ends_with(end));
    if !is_path || STORY.contains(&source.path.as_str()) {
        return None;
    }
    let Some(own) = path.strip_prefix("stage/") else {
        let called = word.before().ends_with("stage::") && !takes_types_only(word);
        return called.then(|| format!("only request.rs calls the stage `{}`", word.text));
    };
    let own = own.split(['/', '.']).next().unwrap_or_default();
    let own_place = ORDER.iter().position(|stage| *stage == own)?;
    match named.cmp(&own_place) {
        Ordering::Equal => None,
        Ordering::Greater => Some(format!("`{own}` looks ahead to `{}`", word.text)),
        Ordering::Less => (!takes_types_only(word))
            .then(|| format!("`{own}` takes more than the result type of `{}`", word.text)),
    }
}

/// Whether the path goes on to types: `plan::Plan`, `plan::{Plan, Candidate}`.
fn takes_types_only(word: Word<'_>) -> bool {
    let Some(taken) = word.after().strip_prefix("::") else {
        return false;
    };
    let list = taken.strip_prefix('{').map_or(taken, |rest| rest.split('}').next().unwrap());
    let mut names = list.split([';', '(']).next().unwrap_or_default().split(',').map(str::trim);
    names.all(|name| name.chars().next().is_none_or(|first| first.is_ascii_uppercase()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(path: &str, text: &str) -> usize {
        check(&Source::rust(&format!("dataplane/src/{path}"), text)).len()
    }

    #[test]
    fn stages_may_take_earlier_results_only() {
        assert_eq!(count("stage/relay.rs", "use crate::stage::exchange::Exchange;"), 0);
        assert_eq!(count("stage/relay.rs", "use super::{x, y}; use super::plan::{Plan, Cap};"), 0);
        assert_eq!(count("stage/relay.rs", "use crate::stage::exchange::exchange;"), 1);
        assert_eq!(count("stage/relay.rs", "use super::plan::{Plan, cap};"), 1);
        assert_eq!(count("stage/plan.rs", "use super::exchange::Exchange;"), 1);
    }

    #[test]
    fn nothing_else_calls_a_stage_and_rooms_look_down_only() {
        assert_eq!(count("connection.rs", "use crate::stage::settle;"), 1);
        assert_eq!(count("connection.rs", "use crate::stage::settle::settle;"), 1);
        assert_eq!(count("report.rs", "use crate::stage::settle::Settled;"), 0);
        assert_eq!(count("request.rs", "use crate::stage::settle::settle;"), 0);
        assert_eq!(count("net/socket.rs", "use crate::upstream::Pool;"), 1);
        assert_eq!(count("upstream/pool.rs", "use crate::net::Socket;"), 0);
        assert_eq!(count("local.rs", "use crate::worker::Worker;"), 1);
        assert_eq!(count("stage/plan.rs", "use crate::connection::Connection;"), 1);
    }
}
