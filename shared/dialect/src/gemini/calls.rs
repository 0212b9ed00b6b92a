//! The calls of a conversation, and which of them wait for their results.
//!
//! Invariants: every call has an id of its own; a result goes to the call that it names by id, the
//! last one that waits, or else to the first one of its name that waits; the time for all of them
//! is linear in their number, whatever ids a client makes up.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};

/// The calls so far.
#[derive(Debug, Default)]
pub(super) struct Calls<'a> {
    calls: Vec<Made<'a>>,
    ids: HashSet<Cow<'a, str>>,
    /// Where the calls stand that a client named so.
    by_told_id: HashMap<Cow<'a, str>, Vec<usize>>,
    /// Where the calls of a tool stand, those that were answered perhaps among them.
    by_name: HashMap<Cow<'a, str>, VecDeque<usize>>,
    /// The number of the next id that is made.
    next: usize,
}

/// A call that was made.
#[derive(Debug)]
struct Made<'a> {
    id: Cow<'a, str>,
    name: Cow<'a, str>,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    /// An id that no call before has: the one that is told, where it is free.
    pub(super) fn free_id(&mut self, told: Option<Cow<'a, str>>) -> Cow<'a, str> {
        if let Some(id) = told.filter(|id| !self.ids.contains(id)) {
            return id;
        }
        loop {
            let id = Cow::Owned(format!("call_{}", self.next));
            self.next += 1;
            if !self.ids.contains(&id) {
                return id;
            }
        }
    }

    /// Adds a call, by the id that a client told and the one that it has.
    pub(super) fn add(&mut self, told: Option<Cow<'a, str>>, id: Cow<'a, str>, name: Cow<'a, str>) {
        let place = self.calls.len();
        if let Some(told) = told {
            self.by_told_id.entry(told).or_default().push(place);
        }
        self.by_name.entry(name.clone()).or_default().push_back(place);
        self.ids.insert(id.clone());
        self.calls.push(Made { id, name, is_answered: false });
    }

    /// The id and the name of the call that a result answers.
    pub(super) fn answer(
        &mut self,
        told: Option<&str>,
        name: &str,
    ) -> Option<(Cow<'a, str>, Cow<'a, str>)> {
        let Self { calls, by_told_id, by_name, .. } = self;
        let mut waiting = told.and_then(|id| by_told_id.get_mut(id));
        let mut place = None;
        while let Some(last) = waiting.as_mut().filter(|_| place.is_none()).and_then(|it| it.pop())
        {
            place = Some(last).filter(|last| !calls[*last].is_answered);
        }
        let mut waiting = by_name.get_mut(name);
        while let Some(first) =
            waiting.as_mut().filter(|_| place.is_none()).and_then(|it| it.pop_front())
        {
            place = Some(first).filter(|first| !calls[*first].is_answered);
        }
        let call = calls.get_mut(place?)?;
        call.is_answered = true;
        Some((call.id.clone(), call.name.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_finds_its_call_by_id_or_else_by_name_in_order() {
        let mut calls = Calls::default();
        for (told, name) in [(Some("x"), "f"), (None, "f"), (Some("x"), "g"), (None, "g")] {
            let told = told.map(Cow::Borrowed);
            let id = calls.free_id(told.clone());
            calls.add(told, id, name.into());
        }
        let mut answer = |told, name| calls.answer(told, name).map(|(id, _)| id.into_owned());
        assert_eq!(answer(Some("x"), "f").as_deref(), Some("call_1"));
        assert_eq!(answer(Some("y"), "f").as_deref(), Some("x"));
        assert_eq!(answer(None, "f").as_deref(), Some("call_0"));
        assert_eq!(answer(None, "f"), None);
        assert_eq!(answer(Some("x"), "g").as_deref(), Some("call_2"));
    }

    #[test]
    fn many_calls_cost_no_more_than_their_number() {
        const CALLS: usize = 50_000;
        let mut calls = Calls::default();
        for number in 0..CALLS {
            let told = (number % 2 == 0).then(|| Cow::Owned(format!("call_{}", CALLS - number)));
            let id = calls.free_id(told.clone());
            calls.add(told, id, "f".into());
        }
        let ids: HashSet<_> = (0..CALLS).filter_map(|_| calls.answer(None, "f")).collect();
        assert_eq!(ids.len(), CALLS);
    }
}
