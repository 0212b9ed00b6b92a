//! The data plane's settings, checked: what the configuration became.
//!
//! Left out on purpose: reading files. The composition reads them once and hands over values.

use std::net::SocketAddr;
use std::path::PathBuf;

use seal::MasterKeys;
use serde::Deserialize;
use units::DataPlaneId;

pub use catalog::route::InputBound;

pub use crate::limits::Limits;

/// When a settlement must be on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// With the next batch; at most the last batch is lost with the power.
    #[default]
    After,
    /// Before the last byte of the answer is sent.
    BeforeFinal,
}

/// What is charged when the provider dies after some content was delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartialFailure {
    /// Nothing.
    #[default]
    Free,
    /// What was delivered.
    Delivered,
}

/// Which driver moves the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// io_uring where the kernel allows it, else epoll.
    #[default]
    Auto,
    /// epoll.
    Epoll,
}

/// Everything a data plane must be told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This data plane's number.
    pub dataplane: DataPlaneId,
    /// Where customers connect.
    pub listen: SocketAddr,
    /// PEM files of the certificate chain and its key, where the listener speaks TLS.
    pub tls: Option<TlsFiles>,
    /// The CPU cores that each carry a worker.
    pub cores: Vec<usize>,
    /// io_uring or epoll.
    pub driver: Driver,
    /// The directory of this data plane's journals.
    pub journal: PathBuf,
    /// The directory of its other files.
    pub folder: PathBuf,
    /// Set where the control plane is another process.
    pub alone: Option<Alone>,
    /// When a settlement must be on disk.
    pub durability: Durability,
    /// How input is bounded.
    pub input_bound: InputBound,
    /// Where this data plane is: of endpoints that are equal in all else, those there come first.
    pub region: Option<String>,
    /// What a died stream costs.
    pub partial_failure: PartialFailure,
    /// Whether bodies are hashed, for signed receipts.
    pub receipts: bool,
    /// What opens customers' own provider keys, and the operator's where they are sealed.
    pub master_keys: Option<MasterKeys>,
    /// Seconds that streams may go on for after a drain began.
    pub drain_seconds: u64,
    /// What the brand sets.
    pub brand: Brand,
    /// Every other bound.
    pub limits: Limits,
}

/// What a brand profile decides in the data plane.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brand {
    /// What the members begin with that tell an answer's route, such as `cpen` of `cpen_route`;
    /// `None` = none are told.
    pub metadata_prefix: Option<String>,
    /// Whether every error repeats its message as `detail`; else only those of requests with
    /// `routing` do.
    pub error_detail: bool,
}

/// What a data plane without a control plane in its process knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Alone {
    /// Whether nobody answers at the link's other end: what was published last is served from at
    /// once.
    pub is_control_away: bool,
}

/// Where the listener's certificate lies.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// PEM of the chain, leaf first.
    pub cert: PathBuf,
    /// PEM of the private key.
    pub key: PathBuf,
}
