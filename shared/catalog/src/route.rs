//! Choosing where a request goes: the best endpoints within what its customer allows.
//!
//! Purpose: `wishes` is what a request says of its route, checked; `needs` what it needs of an
//! endpoint and what that costs at worst; `name` finds what a model's name stands for; `constraint`
//! names every reason to leave an endpoint out and `rules` applies them; `own` says whose keys it
//! may be asked with; `rank` orders what is left; `plan` puts them together.
//!
//! ```text
//!   name --> models --> endpoints --rules--> allowed --rank--> the first few, one hold for all
//!                                  \-----> left out, each with its reasons
//! ```
//!
//! Invariants: pure, the same question at the same moment has the same answer; nothing that breaks
//! a rule is ever planned, whatever else is wished; an empty plan names what stood in the way.
//! Left out on purpose: whose key it is, clocks, measuring health, and asking anybody.

mod constraint;
mod health;
mod misses;
mod name;
mod needs;
mod own;
mod plan;
mod question;
mod rank;
mod rules;
mod wishes;

#[cfg(test)]
mod tests;

pub use constraint::{Constraint, Violations};
pub use health::{Condition, Detail, Health, Percentiles};
pub use needs::{InputBound, InputShape, Needs, WorstCost};
pub use own::{KeySource, OwnKey, OwnKeys};
pub use plan::{explain, plan};
pub use question::{
    Bound, Candidate, Candidates, Explanation, Filtered, Moment, NoRoute, Question, Route, Verdict,
    route_id,
};
pub(crate) use rank::blend;
pub use rank::blended;
pub use rules::Policy;
pub use wishes::{
    AutoWishes, Budget, Continuity, CostBand, MaxPrice, Sort, Strategy, Wishes, matches_pattern,
};
