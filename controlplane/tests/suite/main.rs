//! The control plane from outside: over HTTP, over the link, and over its own end.

#[cfg(test)]
mod credits;
#[cfg(test)]
mod customer;
#[cfg(test)]
mod forms;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod keeping;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod money;
#[cfg(test)]
mod operator;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod usage;
