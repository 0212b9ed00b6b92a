//! What a control plane is started with, and why it may not start.
//!
//! The binary reads files, flags and the environment; here everything is a checked value. Left
//! out on purpose: defaults of a brand profile (the binary's), anything that changes at run time.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use seal::MasterKeys;

use crate::plans::Plans;
use crate::terms::Terms;

/// How a control plane runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the admin and account APIs listen; port 0 takes any free one.
    pub admin: SocketAddr,
    /// The data directory: `journal/`, `checkpoint/`, `view/`, `admin.token`,
    /// `receipt.key`.
    pub data: PathBuf,
    /// The Unix socket that data planes of other processes link to.
    pub link: Option<PathBuf>,
    /// The admin token; `None` reads `<data>/admin.token`, and makes it if it is missing.
    pub admin_token: Option<Secret>,
    /// What seals provider keys on disk; `None` keeps no customer's own, and the operator's as
    /// they are written.
    pub master_keys: Option<MasterKeys>,
    /// What the brand sets.
    pub profile: Profile,
    /// What a segment of the ledger's journal takes on the disk. Making one takes a moment in
    /// which nothing is booked, so it is not large.
    pub segment_bytes: u64,
    /// Journal bytes after which the books are written out as a checkpoint.
    pub checkpoint_bytes: u64,
    /// How many data planes must be linked before it is ready.
    pub data_planes_min: usize,
    /// Days that closed journal segments, and with them the request log, are kept.
    pub retention_days: u32,
    /// Whether a start prices the catalog by the profile's multiplier; not where books are only
    /// looked at.
    pub reprices: bool,
}

impl Settings {
    /// Settings with every default, for a data directory and an address.
    pub fn new(admin: SocketAddr, data: impl Into<PathBuf>) -> Self {
        Self {
            admin,
            data: data.into(),
            link: None,
            admin_token: None,
            master_keys: None,
            profile: Profile::default(),
            segment_bytes: 16 << 20,
            checkpoint_bytes: 256 << 20,
            data_planes_min: 0,
            retention_days: 400,
            reprices: true,
        }
    }
}

/// What a brand profile decides in the control plane.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The profile's name.
    pub name: String,
    /// Customer price over list price, as a fraction: `(1, 5)` sells at a fifth.
    pub multiplier: (u64, u64),
    /// What a key for inference begins with.
    pub live_prefix: String,
    /// What a management key begins with.
    pub management_prefix: String,
    /// What credit costs, how long it lasts, and what of it goes back.
    pub terms: Terms,
    /// Whether every error of the account API repeats its message as `detail`.
    pub error_detail: bool,
    /// What accounts and guests may send.
    pub plans: Plans,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            name: "plain".into(),
            multiplier: (1, 1),
            live_prefix: "sk-tg-".into(),
            management_prefix: "sk-tg-mgmt-".into(),
            terms: Terms::default(),
            error_detail: false,
            plans: Plans::default(),
        }
    }
}

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps a text secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a control plane does not start.
#[derive(Debug)]
pub enum StartError {
    /// The admin address cannot be listened on.
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// The link's socket cannot be listened on.
    Link {
        /// Its path.
        path: PathBuf,
        /// What the system said.
        why: io::Error,
    },
    /// A file or folder of the data directory cannot be used.
    Data {
        /// Which one.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// The journal holds something that the books cannot take: nothing is guessed, a person must
    /// look.
    Books(String),
    /// Threads, randomness or the runtime are not to be had.
    System(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen { address, why } if why.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "the admin address {address} is in use; set listen.admin to another")
            }
            Self::Listen { address, why } => write!(f, "cannot listen on {address}: {why}"),
            Self::Link { path, why } if why.kind() == io::ErrorKind::AddrInUse => write!(
                f,
                "{} is the link of a control plane that runs; set [link] listen to another",
                path.display()
            ),
            Self::Link { path, why } => {
                write!(f, "[link] listen: {} cannot be listened on: {why}", path.display())
            }
            Self::Data { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Books(why) => write!(f, "the ledger's journal cannot be read back: {why}"),
            Self::System(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for StartError {}
