//! What an operator writes: `tollgate.toml` and `catalog.toml`, in a folder of their own.
//!
//! Invariant: nothing here names a fixed port or a shared folder, so tests run side by side.

use std::fmt::Write;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use units::{Price, TokenClass, Tokens, Usd};

/// What a model costs, in USD per million tokens; absent classes cost as the catalog says.
#[derive(Clone, Debug)]
pub struct Prices {
    given: Vec<(TokenClass, Price)>,
    /// Prices of requests with more input tokens than this.
    above: Option<(u64, Box<Self>)>,
    /// Prices of requests at service tiers.
    tiers: Vec<(&'static str, Self)>,
}

impl Prices {
    /// A price for input and one for output, as texts of the catalog.
    pub fn new(input: &str, output: &str) -> Self {
        let none = Self { given: Vec::new(), above: None, tiers: Vec::new() };
        none.and(TokenClass::Input, input).and(TokenClass::Output, output)
    }

    /// The same with a price for one more class.
    pub fn and(mut self, class: TokenClass, price: &str) -> Self {
        self.given.push((class, price.parse().expect("a price")));
        self
    }

    /// The same with other prices, all of them named, above an input size.
    #[must_use]
    pub fn above(mut self, input_tokens: u64, prices: Self) -> Self {
        self.above = Some((input_tokens, Box::new(prices)));
        self
    }

    /// The same with other prices, all of them named, at a service tier.
    #[must_use]
    pub fn at_tier(mut self, tier: &'static str, prices: Self) -> Self {
        self.tiers.push((tier, prices));
        self
    }

    /// The prices that hold for a request.
    pub fn for_request(&self, tokens: &Tokens, tier: Option<&str>) -> &Self {
        let tier = self.tiers.iter().find(|(name, _)| tier == Some(*name));
        match (tier, &self.above) {
            (Some((_, prices)), _) => prices.for_request(tokens, None),
            (_, Some((size, prices))) if tokens.input_total() > *size => prices,
            _ => self,
        }
    }

    /// What a class costs: its own price, or that of the class it falls back to.
    pub fn of(&self, class: TokenClass) -> Price {
        let own = |class| self.given.iter().find(|(given, _)| *given == class).map(|given| given.1);
        let other = match class {
            TokenClass::CacheRead | TokenClass::CacheWrite | TokenClass::ImageInput => {
                own(TokenClass::Input)
            }
            TokenClass::CacheWrite1h => {
                own(TokenClass::CacheWrite).or_else(|| own(TokenClass::Input))
            }
            TokenClass::Reasoning => own(TokenClass::Output),
            _ => None,
        };
        own(class).or(other).unwrap_or(Price::ZERO)
    }

    /// What a use costs, exactly.
    pub fn cost(&self, tokens: &Tokens) -> Usd {
        tokens.used().filter_map(|(class, count)| self.of(class).times(count)).sum()
    }

    fn table(&self) -> String {
        format!("{{ {} }}", self.entries().join(", "))
    }

    fn entries(&self) -> Vec<String> {
        let entry =
            |(class, price): &(TokenClass, Price)| format!("{} = \"{price}\"", class.name());
        let mut entries: Vec<_> = self.given.iter().map(entry).collect();
        if let Some((size, prices)) = &self.above {
            let more = prices.entries().join(", ");
            entries.push(format!("above = [{{ input_tokens = {size}, {more} }}]"));
        }
        if !self.tiers.is_empty() {
            let tier = |(name, prices): &(&str, Self)| format!("{name} = {}", prices.table());
            let tiers: Vec<_> = self.tiers.iter().map(tier).collect();
            entries.push(format!("service_tier = {{ {} }}", tiers.join(", ")));
        }
        entries
    }
}

/// Which part of a gateway a process is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// Both planes.
    #[default]
    Whole,
    /// The control plane alone.
    Control,
    /// A data plane alone: its number, and the folder of its control plane.
    Plane(u16, PathBuf),
}

impl Part {
    /// The command that runs it.
    pub fn command(&self) -> &'static str {
        match self {
            Self::Whole => "serve",
            Self::Control => "controlplane",
            Self::Plane(..) => "dataplane",
        }
    }

    /// Its lines of `[link]`, and the further ones of `[dataplane]`.
    fn lines(&self, folder: &Path) -> (String, String) {
        let socket = |folder: &Path| folder.join("link.sock").display().to_string();
        match self {
            Self::Whole => (String::new(), String::new()),
            Self::Control => {
                (format!("[link]\nlisten = \"unix:{}\"\n", socket(folder)), String::new())
            }
            Self::Plane(id, control) => (
                format!("[link]\ncontrol = \"unix:{}\"\n", socket(control)),
                format!("id = {id}\n"),
            ),
        }
    }
}

/// One configuration: its files' texts, its addresses and its folder.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where customers connect.
    pub data_addr: SocketAddr,
    /// Where the operator connects.
    pub admin_addr: SocketAddr,
    /// Everything of this gateway: config, data, logs.
    pub folder: PathBuf,
    /// Further lines of `[listen]`.
    pub listen: String,
    /// How many cores serve.
    pub cores: usize,
    /// Lines of `[dataplane]`.
    pub dataplane: String,
    /// Lines of `[limits]`.
    pub limits: String,
    /// Lines of `[log]`.
    pub log: String,
    /// Lines of `[secrets]`.
    pub secrets: String,
    /// The brand profile.
    pub profile: String,
    /// The text of `catalog.toml`.
    pub catalog: String,
    /// The models with their prices, for the checker.
    pub prices: Vec<(String, Prices)>,
    /// What the profile makes of a list price, as a fraction: the checker's.
    pub multiplier: (i128, i128),
    /// Further environment of the process.
    pub environment: Vec<(String, String)>,
    /// Which part of a gateway runs on it.
    pub part: Part,
}

impl Config {
    /// An empty catalog, the plain profile, free ports, a new folder.
    pub fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tollgate-test-{}-{number}", process::id());
        let folder = std::env::temp_dir().join(name);
        let [data_addr, admin_addr] = free_addresses();
        Self {
            data_addr,
            admin_addr,
            folder,
            listen: String::new(),
            cores: 1,
            dataplane: "drain_seconds = 5\n".to_owned(),
            limits: String::new(),
            log: "level = \"info\"\n".to_owned(),
            secrets: String::new(),
            profile: "plain".to_owned(),
            catalog: String::new(),
            prices: Vec::new(),
            multiplier: (1, 1),
            environment: Vec::new(),
            part: Part::Whole,
        }
    }

    /// This configuration as that of a control plane alone.
    #[must_use]
    pub fn control(self) -> Self {
        Self { part: Part::Control, ..self }
    }

    /// A data plane of this control plane, with ports and a folder of its own.
    #[must_use]
    pub fn plane(&self, id: u16) -> Self {
        let part = Part::Plane(id, self.folder.clone());
        let (cores, dataplane) = (self.cores, self.dataplane.clone());
        Self { cores, dataplane, part, prices: self.prices.clone(), ..Self::new() }
    }

    /// One provider `up` at `base_url` and one model `up/chat` at $1 and $10 a million.
    pub fn simple(base_url: &str) -> Self {
        let prices = Prices::new("1", "10").and(TokenClass::CacheRead, "0.1");
        Self::new().provider("up", base_url, "").model("up/chat", &[("up", "chat")], &prices, "")
    }

    /// Adds a provider; `more` are further lines of its table.
    #[must_use]
    pub fn provider(mut self, id: &str, base_url: &str, more: &str) -> Self {
        let lines = "dialect = \"openai\"\nallow_private = true\napi_keys = [\"test-key\"]\n\
                     on_client_abort = \"abort\"\noutput_cap_field = \"max_completion_tokens\"\n\
                     stream_usage = true\ncache_included = true\ninput_overhead = 64\n\
                     part_tokens = { image = 256 }";
        self.add(&format!("[[provider]]\nid = \"{id}\"\nbase_url = \"{base_url}\"\n"));
        let own_keys: Vec<_> = more.lines().filter_map(key_of).collect();
        for line in lines.lines() {
            if !key_of(line).is_some_and(|key| own_keys.contains(&key)) {
                self.add(&format!("{line}\n"));
            }
        }
        self.add(&format!("{more}\n"));
        self
    }

    /// Adds a model served at `endpoints` (provider, id there); `more` are lines of its table.
    #[must_use]
    pub fn model(
        mut self,
        id: &str,
        endpoints: &[(&str, &str)],
        prices: &Prices,
        more: &str,
    ) -> Self {
        let lines = "kind = \"chat\"\ncontext = 128000\nmax_output = 16384\n\
                     input_modalities = [\"text\", \"image\"]\noutput_modalities = [\"text\"]\n\
                     parameters = [\"tools\", \"response_format\", \"reasoning\"]\n";
        self.add(&format!("[[model]]\nid = \"{id}\"\nname = \"{id}\"\n"));
        let own_keys: Vec<_> = more.lines().filter_map(key_of).collect();
        for line in lines.lines() {
            if !key_of(line).is_some_and(|key| own_keys.contains(&key)) {
                self.add(&format!("{line}\n"));
            }
        }
        self.add(&format!("{more}\n"));
        let table = prices.table();
        for (provider, model) in endpoints {
            self.add(&format!("  [[model.endpoint]]\n  provider = \"{provider}\"\n"));
            self.add(&format!("  model = \"{model}\"\n  list = {table}\n  price = {table}\n"));
        }
        self.prices.push((id.to_owned(), prices.clone()));
        self
    }

    /// Sells on the terms of a profile of its own: this is its file.
    #[must_use]
    pub fn on_terms(mut self, profile: &str) -> Self {
        fs::create_dir_all(&self.folder).expect("a folder for the test");
        let path = self.folder.join("profile.toml");
        fs::write(&path, profile).expect("profile.toml is written");
        self.profile = path.display().to_string();
        self
    }

    /// Seals provider keys under a master key in the environment.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        const NAME: &str = "TOLLGATE_TEST_MASTER_KEY";
        self.secrets = format!("master_keys = [\"env:{NAME}\"]\n");
        self.environment.push((NAME.to_owned(), "0123456789abcdef".repeat(4)));
        self
    }

    /// Writes both files; answers the path of `tollgate.toml`.
    pub fn write(&self) -> PathBuf {
        fs::create_dir_all(&self.folder).expect("a folder for the test");
        let catalog = self.folder.join("catalog.toml");
        fs::write(&catalog, &self.catalog).expect("catalog.toml is written");
        let Self { data_addr, admin_addr, listen, cores, dataplane, limits, log, .. } = self;
        let Self { secrets, profile, .. } = self;
        let config = self.folder.join("tollgate.toml");
        let (link, id) = self.part.lines(&self.folder);
        let text = format!(
            "[listen]\ndata = \"{data_addr}\"\nadmin = \"{admin_addr}\"\n{listen}\n[dataplane]\n\
             cores = {cores}\n{id}{dataplane}\n{link}[limits]\n{limits}\n[log]\n{log}\n\
             [secrets]\n{secrets}\n[brand]\n\
             profile = \"{profile}\"\ncatalog = \"{}\"\nsandbox = false\n",
            catalog.display()
        );
        fs::write(&config, text).expect("tollgate.toml is written");
        config
    }

    /// Where the gateway keeps its data.
    pub fn data_folder(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The prices of a model.
    pub fn prices_of(&self, model: &str) -> Option<&Prices> {
        self.prices.iter().find(|(id, _)| id == model).map(|(_, prices)| prices)
    }

    fn add(&mut self, text: &str) {
        self.catalog.write_str(text).expect("memory takes it");
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// The key of a line `key = value`.
fn key_of(line: &str) -> Option<&str> {
    line.split_once('=').map(|(key, _)| key.trim())
}

/// Addresses nobody listens on. Their ports lie below those that the kernel gives to connections,
/// else one of the many that tests make could take a port before its listener does.
pub fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    const FIRST: u32 = 10_000;
    const PORTS: u32 = 20_000;
    const EACH_PROCESS: u32 = 64;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let start = process::id().wrapping_mul(EACH_PROCESS);
    [(); N].map(|()| {
        loop {
            let offset = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % PORTS;
            let port = u16::try_from(FIRST + offset).expect("a port");
            let addr = SocketAddr::from(([127, 0, 0, 1], port));
            if TcpListener::bind(addr).is_ok() {
                return addr;
            }
        }
    })
}

/// The last lines of a file, for messages.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let text = text.unwrap_or_default();
    let all: Vec<_> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_test_replaces_the_usual_one() {
        let config = Config::new().provider("p", "http://x/v1", "input_overhead = 1");
        assert_eq!(config.catalog.matches("input_overhead").count(), 1);
        assert!(config.catalog.contains("input_overhead = 1\n"));
    }

    #[test]
    fn what_has_no_price_costs_as_the_catalog_says() {
        let prices = Prices::new("1", "10").and(TokenClass::CacheRead, "0.1");
        let mut tokens = Tokens::ZERO;
        tokens[TokenClass::Input] = 3;
        tokens[TokenClass::CacheRead] = 10;
        tokens[TokenClass::CacheWrite] = 2;
        tokens[TokenClass::Reasoning] = 1;
        assert_eq!(
            prices.cost(&tokens),
            Usd::from_pico(3_000_000 + 1_000_000 + 2_000_000 + 10_000_000)
        );
    }
}
