//! The stages of an inference request, in the order in which it meets them.
//!
//! ```text
//!   authenticate -> pace -> read -> plan -> pace -> admit  -> exchange -> relay -> settle
//!     proxy                 repeat       free_request  admission  first_event  meter
//!                                              borrow             verdict      attend
//!                                                                 turns        learn note
//!   any of them may end in a fault: refuse before the hold, fail after it
//!   beside them, for nothing: quote, count
//! ```
//!
//! A stage imports the results of earlier stages, never a later stage; only `request` calls them.

pub mod admission;
pub mod admit;
pub mod attempt;
pub mod attend;
pub mod authenticate;
pub mod borrow;
pub mod count;
pub mod dispatch;
pub mod exchange;
pub mod fail;
pub mod first_event;
pub mod free_request;
pub mod learn;
pub mod meter;
pub mod note;
pub mod outcome;
pub mod pace;
pub mod plan;
pub mod proxy;
pub mod quote;
pub mod read;
pub mod refuse;
pub mod relay;
pub mod repeat;
pub mod settle;
pub mod turns;
pub mod verdict;
