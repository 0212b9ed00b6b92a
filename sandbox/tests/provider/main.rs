//! The sandbox seen from outside, byte by byte: what it answers, every fault, the truth.

mod answers;
mod faults;
mod raw;
mod truth;
