//! Where the books are kept.
//!
//! One kind so far, `embedded`: our own journal as the record of truth, and a sled view for what
//! people look up. Left out here: a store shared by several control planes, which will stand
//! beside it.

pub(crate) mod embedded;
