//! The data plane: thread per core, from a client's bytes to a settled charge.
//!
//! In the order in which a request meets them: `worker` runs a core, `connection` a client's
//! connection, `request` tells the life of one request in its `stage`s, with what `local` gives
//! every task of the core. Beside the cores, `committer` writes the journal and `uplink` talks to
//! the control plane. Below them, `upstream` speaks HTTP to providers and `net` owns the runtime.
//!
//! ```text
//!   listener -> connection -> request: authenticate -> admit -> read -> plan -> admit
//!                                      -> exchange -> relay + meter -> settle -> report
//!   core --record ring--> committer --runs--> uplink --link--> control plane
//!   core <--credit cells- committer <-grants- uplink <--link-- control plane
//!   core <----------- generations ----------- uplink
//! ```
//!
//! `net` and `upstream` are public for the tests that pin the runtime's habits.

#![expect(
    unreachable_pub,
    reason = "modules are private; pub marks what one offers to its neighbours"
)]

mod answer_head;
mod certificate;
mod client;
mod committer;
mod connection;
mod crossing;
mod digest;
mod fault;
#[doc(hidden)]
pub mod for_benches;
mod forward;
mod guests;
mod health;
mod kept;
mod limits;
mod local;
mod messages;
pub mod net;
mod paths;
mod remembered;
mod report;
mod request;
mod route;
mod running;
mod settings;
mod stage;
mod tiers;
mod uplink;
pub mod upstream;
mod worker;

pub use messages::Notice;
pub use running::{Running, StartError, start};
pub use settings::{
    Alone, Brand, Driver, Durability, InputBound, Limits, PartialFailure, Settings, TlsFiles,
};
pub use uplink::dial::{dial, is_there};
