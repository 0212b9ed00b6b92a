//! The control plane from outside: over HTTP, over the link, and over its own end.

mod customer;
#[cfg(test)]
mod harness;
mod money;
mod operator;
mod restart;
mod speed;
