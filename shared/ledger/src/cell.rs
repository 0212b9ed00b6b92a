//! The words that the cores of one data plane process share.
//!
//! Purpose: free credit of a purse ([`CreditCell`]) and the pace of a key ([`Pace`]), in atomic
//! words: no lock, no wait.
//! Invariants: a cell never gives out more than it was given. Which thread may do what is part of
//! each function's contract: cores only take, the journal thread alone adds.

mod credit;
mod pace;
mod rate;
mod release;
mod tokens;

pub use credit::CreditCell;
pub use pace::{Ceiling, DayVerdict, Pace, PaceLimits, Paced, Running, Standing};
pub use rate::{RateCell, RateVerdict};
pub use release::{Release, try_hold};
pub use tokens::{TPM_MAX, TokenVerdict};
