//! What customers may rely on, seen from outside: statuses, codes, headers, lists.
//!
//! Contents: `requests` (bodies that are refused), `raw` (bytes that are refused), `keys` (who may
//! ask), `rates` and `flood` (limits, one by one and all at once), `privacy` (who may see a
//! request), `playground` (who needs no key), `routing` (whom a request goes to; its `shop` is also
//! that of `privacy`), `told` (what an answer says of that), `money` (what is not paid for),
//! `provider` (what a provider's failure becomes), `proxy` (providers' own paths), `plain`
//! (legacy completions and embeddings), `byok` (customers' own provider keys), `headers`
//! (what every answer says), `lists` (models), `account` (the account API), `credits` (what credit
//! costs, and where every cent went), `receipts` (what is signed), `mistakes` (wrong files at a
//! start), `publish` (a change holds when its answer arrives).
//! Invariant: every status and code is compared exactly.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod account;
mod byok;
mod credits;
mod flood;
mod headers;
mod keys;
mod lists;
mod log;
mod mistakes;
mod money;
mod plain;
mod playground;
mod privacy;
mod provider;
mod proxy;
mod publish;
mod rates;
mod raw;
mod receipts;
mod requests;
mod routing;
mod shop;
mod tls;
mod told;
