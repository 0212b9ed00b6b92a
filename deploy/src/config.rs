//! `tollgate.toml`: raw text to checked settings, every mistake with its line and remedy.
//!
//! Invariants: an unknown key is an error; every table and key has a default, so that no file at
//! all is a configuration: the sandbox, ready to be tried. Left out: the catalog's own file.

pub mod text;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use dataplane::{Driver, Durability, InputBound, Limits, PartialFailure, TlsFiles};
use seal::MasterKeys;
use serde::Deserialize;
use units::DataPlaneId;

use crate::profile;

/// Where data lies when nobody says otherwise.
pub const DATA_DIRECTORY: &str = "tollgate-data";

/// A configuration file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Addresses.
    pub listen: Listen,
    /// The cores.
    pub dataplane: DataPlane,
    /// Every bound of the data plane.
    pub limits: Limits,
    /// Where planes of different processes meet.
    pub link: Link,
    /// Where the books are kept.
    pub store: Store,
    /// How long they are kept.
    pub retention: Retention,
    /// What is said on standard error.
    pub log: Log,
    /// How the gateway presents itself and what it sells.
    pub brand: Brand,
    /// What provider keys are sealed with.
    pub secrets: Secrets,
}

/// `[listen]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Listen {
    /// Where customers connect.
    pub data: SocketAddr,
    /// Where the operator connects.
    pub admin: SocketAddr,
    /// The certificate of the data port.
    pub tls: Option<TlsFiles>,
}

impl Default for Listen {
    fn default() -> Self {
        let loopback = [127, 0, 0, 1];
        Self { data: (loopback, 8080).into(), admin: (loopback, 8081).into(), tls: None }
    }
}

/// `[dataplane]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataPlane {
    /// Its number, which no other data plane of the control plane has.
    pub id: DataPlaneId,
    /// Which CPUs carry a worker.
    pub cores: Cores,
    /// When a settlement is on disk.
    pub durability: Durability,
    /// How input is bounded.
    pub input_bound: InputBound,
    /// Where it runs, as providers and endpoints of the catalog say it of themselves.
    pub region: Option<String>,
    /// What a died stream costs.
    pub partial_failure: PartialFailure,
    /// Whether receipts hold the hashes of the bodies.
    pub receipts: bool,
    /// Seconds that streams may go on after a stop was asked for.
    pub drain_seconds: Option<u64>,
    /// io_uring or epoll.
    pub driver: Driver,
}

impl Default for DataPlane {
    fn default() -> Self {
        Self {
            id: DataPlaneId(1),
            cores: Cores::default(),
            durability: Durability::default(),
            input_bound: InputBound::default(),
            region: None,
            partial_failure: PartialFailure::default(),
            drain_seconds: None,
            driver: Driver::default(),
            receipts: false,
        }
    }
}

/// Seconds that streams may go on, unless the configuration says otherwise.
pub const DRAIN_SECONDS: u64 = 900;

/// `cores`: `"auto"`, a number of them, or a list such as `"2-7,9"`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cores {
    /// All that this process may use.
    #[default]
    Auto,
    /// So many of them.
    Count(usize),
    /// These.
    List(Vec<usize>),
}

impl<'de> Deserialize<'de> for Cores {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Count(usize),
            Text(String),
        }
        let remedy = "cores is \"auto\", a number from 1 on, or a list such as \"2-7\"";
        let parsed = match Raw::deserialize(deserializer) {
            Ok(Raw::Count(count)) if count > 0 => Some(Self::Count(count)),
            Ok(Raw::Text(text)) if text == "auto" => Some(Self::Auto),
            Ok(Raw::Text(text)) => cpu_list(&text).map(Self::List),
            _ => None,
        };
        parsed.ok_or_else(|| serde::de::Error::custom(remedy))
    }
}

fn cpu_list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let first: usize = first.trim().parse().ok()?;
        let last: usize = last.trim().parse().ok()?;
        if first > last || last > 4096 {
            return None;
        }
        cpus.extend(first..=last);
    }
    Some(cpus)
}

/// `[link]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Link {
    /// On a data plane: where its control plane listens.
    pub control: Option<LinkPlace>,
    /// On a control plane: where data planes connect.
    pub listen: Option<LinkPlace>,
}

/// `"unix:PATH"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPlace(pub PathBuf);

impl<'de> Deserialize<'de> for LinkPlace {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.strip_prefix("unix:").filter(|path| !path.is_empty()) {
            Some(path) => Ok(Self(PathBuf::from(path))),
            None => Err(serde::de::Error::custom(format!(
                "{text:?} is not a link: write \"unix:PATH\"; over a network, forward a socket"
            ))),
        }
    }
}

/// `[store]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Which kind.
    pub kind: StoreKind,
}

/// Where the books are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// In the data directory.
    #[default]
    Embedded,
}

/// `[retention]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Days that requests can be looked up.
    pub requests_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { requests_days: 400 }
    }
}

/// `[log]`: what the running planes tell on standard error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How much.
    pub level: notice::Level,
    /// In which form.
    pub format: notice::Form,
}

/// `[brand]`
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Brand {
    /// A profile by name, or a file.
    pub profile: String,
    /// A catalog, applied at the first start.
    pub catalog: Option<PathBuf>,
    /// Whether the provider simulator runs inside.
    pub sandbox: bool,
}

impl Default for Brand {
    fn default() -> Self {
        Self { profile: "plain".to_owned(), catalog: None, sandbox: false }
    }
}

/// `[secrets]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// Master keys, `env:NAME` or `file:PATH`: the first seals, each of them opens.
    pub master_keys: Vec<String>,
}

/// Why a command is not done: a line, or one for each mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake(pub String);

impl Mistake {
    /// One of several lines.
    pub fn listed<T: fmt::Display>(mistakes: &[T]) -> Self {
        Self(mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Config {
    /// No file: the sandbox, ready to be tried.
    pub fn sandbox() -> Self {
        let brand = Brand { sandbox: true, ..Brand::default() };
        // Whoever tries it out sees receipts with everything in them.
        let dataplane = DataPlane { receipts: true, ..DataPlane::default() };
        Self { brand, dataplane, ..Self::default() }
    }

    /// Reads a file. Paths in it are relative to its own directory.
    ///
    /// # Errors
    /// The file cannot be read, or holds mistakes.
    pub fn read(path: &Path) -> Result<Self, Mistake> {
        let text = std::fs::read_to_string(path)
            .map_err(|fault| Mistake(format!("{}: cannot be read: {fault}", path.display())))?;
        let mistakes = |found: Vec<text::Found>| Mistake::listed(&found);
        let config = text::parse(&text, &path.display().to_string()).map_err(mistakes)?;
        Ok(config.beside(path))
    }

    /// The same with its paths relative to the file that it was read from.
    pub fn beside(mut self, path: &Path) -> Self {
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        if let Some(catalog) = &mut self.brand.catalog {
            *catalog = folder.join(&catalog);
        }
        if let Some(tls) = &mut self.listen.tls {
            tls.cert = folder.join(&tls.cert);
            tls.key = folder.join(&tls.key);
        }
        for LinkPlace(path) in [&mut self.link.control, &mut self.link.listen].into_iter().flatten()
        {
            *path = folder.join(&path);
        }
        for reference in &mut self.secrets.master_keys {
            if let Some(path) = reference.strip_prefix("file:") {
                *reference = format!("file:{}", folder.join(path).display());
            }
        }
        if !profile::is_shipped(&self.brand.profile) {
            self.brand.profile = folder.join(&self.brand.profile).display().to_string();
        }
        self
    }
}

impl Secrets {
    /// The master keys, if any are named.
    ///
    /// # Errors
    /// One cannot be read, or is none.
    pub fn master_keys(&self) -> Result<Option<MasterKeys>, Mistake> {
        let read = MasterKeys::read(&self.master_keys);
        read.map_err(|fault| Mistake(format!("[secrets] master_keys: {fault}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_or_named() {
        let cores = |value: &str| {
            let config = text::parse(&format!("[dataplane]\ncores = {value}"), "x");
            config.map(|config| config.dataplane.cores)
        };
        assert_eq!(cores("3"), Ok(Cores::Count(3)));
        assert_eq!(cores("\"2-4,7\""), Ok(Cores::List(vec![2, 3, 4, 7])));
        for wrong in ["0", "\"\"", "\"4-2\"", "\"many\"", "true"] {
            assert!(cores(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let config = "[brand]\ncatalog = \"c.toml\"\nprofile = \"own.toml\"";
        let brand = text::parse(config, "x").unwrap().beside(Path::new("etc/my.toml")).brand;
        assert_eq!(brand.catalog.as_deref(), Some(Path::new("etc/c.toml")));
        assert_eq!(brand.profile, "etc/own.toml");
        assert_eq!(Config::default().beside(Path::new("etc/my.toml")).brand.profile, "plain");
    }
}
