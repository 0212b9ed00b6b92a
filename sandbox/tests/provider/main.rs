//! The sandbox seen from outside, byte by byte: what it answers, every fault, the truth.

mod answers;
mod anthropic;
mod every;
mod faults;
mod gemini;
mod openai;
mod raw;
mod truth;
