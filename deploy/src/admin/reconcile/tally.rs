//! The two books side by side: what the provider charges, and what the ledger has of it.
//!
//! Invariants: every row of the export and every generation counts once, in one line; a matched
//! pair counts on the day and for the model that the pair has, so that midnight and names divide
//! nothing; all sums are whole numbers. Pure: no files, no calls.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use units::UnixMillis;

use super::bill::{Bill, Charge};
use super::exact::Exact;

/// A provider's id is kept so far by the ledger.
const ID_BYTES: usize = 64;

/// A generation of the ledger that a provider was used for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ours {
    /// Its id.
    pub id: String,
    /// The provider's id of it, as far as it is kept.
    pub upstream_id: Option<String>,
    /// Who served it.
    pub provider: String,
    /// As which model there.
    pub model: String,
    /// When it was admitted.
    pub at: UnixMillis,
    /// Tokens in.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// What the provider charges us for it, as we reckon.
    pub cost: Exact,
}

/// Two counts of the same, and how they come apart: matched requests as a whole, since providers
/// round each one, and those that only one side has one by one, since a missing request is not
/// made good by a strange one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sides {
    /// The provider's.
    pub theirs: i128,
    /// The ledger's.
    pub ours: i128,
    /// Theirs less ours, where both have the request.
    net: i128,
    /// Of requests that one side has alone.
    alone: i128,
}

impl Sides {
    fn add(&mut self, theirs: Option<i128>, ours: Option<i128>) {
        self.theirs = self.theirs.saturating_add(theirs.unwrap_or(0));
        self.ours = self.ours.saturating_add(ours.unwrap_or(0));
        match (theirs, ours) {
            (Some(theirs), Some(ours)) => {
                self.net = self.net.saturating_add(theirs.saturating_sub(ours));
            }
            (one, other) => {
                let alone = one.or(other).unwrap_or(0).saturating_abs();
                self.alone = self.alone.saturating_add(alone);
            }
        }
    }

    /// Whether they differ by more than so many parts of 10^14 of the greater one.
    pub fn drifts(&self, parts: i128) -> bool {
        const WHOLE: i128 = 100_000_000_000_000;
        let (apart, greater) = self.distance();
        match (apart.checked_mul(WHOLE), greater.checked_mul(parts)) {
            (Some(apart), Some(allowed)) => apart > allowed,
            // So large that a part of 10^14 more or less is nothing.
            _ => apart > greater / WHOLE * parts,
        }
    }

    /// How far they are apart, in thousandths of a percent of the greater one.
    pub fn drift(&self) -> i128 {
        let (apart, greater) = self.distance();
        let scaled = apart.checked_mul(100_000).map(|scaled| scaled / greater.max(1));
        scaled.unwrap_or_else(|| apart / (greater / 100_000).max(1))
    }

    fn distance(&self) -> (i128, i128) {
        let apart = self.net.saturating_abs().saturating_add(self.alone);
        (apart, self.theirs.saturating_abs().max(self.ours.saturating_abs()))
    }
}

/// One day of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Requests that both have.
    pub matched: u64,
    /// Requests that only the export has.
    pub only_theirs: u64,
    /// Requests that only the ledger has.
    pub only_ours: u64,
    /// Tokens in.
    pub input: Sides,
    /// Tokens out.
    pub output: Sides,
    /// Amounts, as [`Exact`] counts them.
    pub cost: Sides,
}

impl Line {
    fn add(&mut self, theirs: Option<&Charge>, ours: Option<&Ours>) {
        match (theirs, ours) {
            (Some(_), Some(_)) => self.matched += 1,
            (Some(_), None) => self.only_theirs += 1,
            (None, _) => self.only_ours += 1,
        }
        let (row, own) = (theirs, ours);
        self.input.add(row.map(|row| row.input.into()), own.map(|own| own.input.into()));
        self.output.add(row.map(|row| row.output.into()), own.map(|own| own.output.into()));
        self.cost.add(row.map(|row| row.cost.count()), own.map(|own| own.cost.count()));
    }

    /// Whether tokens or cost drift by more than so many parts of 10^14.
    pub fn drifts(&self, parts: i128) -> bool {
        [self.input, self.output, self.cost].iter().any(|sides| sides.drifts(parts))
    }
}

/// A reconciliation under way: the export is there, generations come in.
pub struct Matching<'b> {
    bill: &'b Bill,
    by_id: HashMap<&'b str, usize>,
    /// Rows whose id stood in an earlier row.
    repeated: Vec<usize>,
    matched: HashMap<usize, Ours>,
    alone: Vec<Ours>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Tally {
    /// Each day and model.
    pub lines: BTreeMap<(u32, String), Line>,
    /// Everything.
    pub total: Line,
    /// Rows that the ledger does not have.
    pub only_theirs: Vec<Charge>,
    /// Generations that the export does not have.
    pub only_ours: Vec<Ours>,
    /// Ids that the export has more than once.
    pub repeated: Vec<String>,
    /// Whose generations were compared.
    pub providers: BTreeSet<String>,
}

impl<'b> Matching<'b> {
    /// Begins with an export.
    pub fn new(bill: &'b Bill) -> Self {
        let (mut by_id, mut repeated) = (HashMap::new(), Vec::new());
        for (at, row) in bill.rows.iter().enumerate() {
            if *by_id.entry(kept(&row.id)).or_insert(at) != at {
                repeated.push(at);
            }
        }
        Self { bill, by_id, repeated, matched: HashMap::new(), alone: Vec::new() }
    }

    /// Takes a generation; `is_within` says whether the export should have it.
    pub fn take(&mut self, ours: Ours, is_within: bool) {
        let ids = ours.upstream_id.as_deref().into_iter().chain([ours.id.as_str()]);
        let row = ids.filter_map(|id| self.by_id.get(id).copied()).next();
        match row {
            Some(row) if !self.matched.contains_key(&row) => {
                self.matched.insert(row, ours);
            }
            _ if is_within => self.alone.push(ours),
            _ => {}
        }
    }

    /// The result, for the generations of one provider; without one, for all that some row matched,
    /// or where none did, for every one.
    pub fn tally(self, provider: Option<&str>) -> Tally {
        let Self { bill, repeated, matched, alone, .. } = self;
        let mut tally = Tally::default();
        let serving = matched.values().map(|ours| ours.provider.clone());
        tally.providers = provider.map_or_else(|| serving.collect(), |one| [one.into()].into());
        let names: HashMap<&str, &str> = matched
            .iter()
            .map(|(row, ours)| (bill.rows[*row].model.as_str(), ours.model.as_str()))
            .collect();
        for (at, row) in bill.rows.iter().enumerate() {
            let ours = matched.get(&at).filter(|ours| provider.is_none_or(|p| p == ours.provider));
            let named = ours.map(|ours| ours.model.as_str());
            let named = named.or_else(|| names.get(row.model.as_str()).copied());
            tally.add(row.from.day(), named.unwrap_or(&row.model), Some(row), ours);
            if ours.is_none() {
                tally.only_theirs.push(row.clone());
            }
        }
        for ours in alone {
            if tally.providers.is_empty() || tally.providers.contains(&ours.provider) {
                tally.add(ours.at.day(), &ours.model, None, Some(&ours));
                tally.only_ours.push(ours);
            }
        }
        tally.repeated = repeated.into_iter().map(|at| bill.rows[at].id.clone()).collect();
        tally
    }
}

impl Tally {
    fn add(&mut self, day: u32, model: &str, theirs: Option<&Charge>, ours: Option<&Ours>) {
        self.lines.entry((day, model.to_owned())).or_default().add(theirs, ours);
        self.total.add(theirs, ours);
    }
}

/// As much of an id as the ledger keeps.
fn kept(id: &str) -> &str {
    let end = (0..=id.len().min(ID_BYTES)).rev().find(|at| id.is_char_boundary(*at));
    &id[..end.unwrap_or(0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "id,model,date,input,output,cost\n\
                       a,m-2026,2026-01-01,10,5,0.1\nb,m-2026,2026-01-01,20,5,0.2\n\
                       b,m-2026,2026-01-02,20,5,0.2\nz,other,2026-01-02,1,1,0.01\n";

    fn ours(id: &str, day: u64, cost: &str) -> Ours {
        Ours {
            id: format!("gen-{id}"),
            upstream_id: Some(id.to_owned()),
            provider: "p".into(),
            model: "m".into(),
            at: UnixMillis(super::super::bill::DAY_MS * day),
            input: 10,
            output: 5,
            cost: Exact::parse(cost).unwrap(),
        }
    }

    #[test]
    fn every_row_and_generation_counts_once() {
        let bill = Bill::read(CSV, "x", &[]).unwrap();
        let day = bill.rows[0].from.day();
        let mut matching = Matching::new(&bill);
        // Admitted before midnight, charged after it.
        matching.take(ours("a", u64::from(day) - 1, "0.1"), true);
        matching.take(ours("lost", u64::from(day), "0.3"), true);
        matching.take(ours("old", 1, "0.3"), false);
        matching.take(Ours { provider: "q".into(), ..ours("else", u64::from(day), "1") }, true);
        let tally = matching.tally(None);
        assert_eq!(tally.repeated, ["b"]);
        let first = &tally.lines[&(day, "m".to_owned())];
        assert_eq!((first.matched, first.only_theirs, first.only_ours), (1, 1, 1));
        assert_eq!(first.cost.theirs, Exact::parse("0.3").unwrap().count());
        assert_eq!(first.cost.ours, Exact::parse("0.4").unwrap().count());
        assert_eq!((first.input.theirs, first.input.ours), (30, 20));
        let second = &tally.lines[&(day + 1, "other".to_owned())];
        assert_eq!((second.only_theirs, tally.total.only_theirs), (1, 3));
        assert_eq!(tally.only_ours.len(), 1, "another provider's generation is not this bill's");
    }

    #[test]
    fn drift_is_judged_exactly_at_the_threshold() {
        // A tenth of a percent.
        let parts = 100_000_000_000;
        let sides = |pairs: &[(Option<i128>, Option<i128>)]| {
            let mut sides = Sides::default();
            pairs.iter().for_each(|(theirs, ours)| sides.add(*theirs, *ours));
            sides
        };
        let pair = |theirs, ours| sides(&[(Some(theirs), Some(ours))]);
        assert!(!pair(1000, 999).drifts(parts));
        assert_eq!(pair(1000, 999).drift(), 100);
        assert!(pair(10_000, 9_989).drifts(parts));
        assert!(!Sides::default().drifts(parts) && pair(1, 0).drifts(parts));
        assert!(pair(i128::MAX / 2, i128::MAX / 4).drifts(parts));
        let rounded = sides(&[(Some(10), Some(11)), (Some(12), Some(11))]);
        assert!(!rounded.drifts(0), "what is rounded up and down evens out");
        let swapped = sides(&[(Some(10), None), (None, Some(10))]);
        assert_eq!(swapped.drift(), 200_000, "a stranger does not make good for one that is lost");
    }
}
