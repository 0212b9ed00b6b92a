//! `tollgate check`: what a configuration or a catalog would run, or every mistake in it.
//!
//! A catalog is told from a configuration by its tables. A configuration is judged with all that
//! it names: profile, certificate, cores, catalog. Invariant: nothing is started, bound or
//! written. Left out on purpose: whether a port is free, which a running server decides.

use std::fs::File;
use std::path::Path;

use catalog::compile::{CompileOptions, Compiled};
use catalog::rows::CatalogRows;
use catalog::{Complaint, Place, source};
use toml::de::DeTable;

use crate::catalog_file::CatalogFile;
use crate::config::text::{self, Found, line_of};
use crate::config::{Config, LinkPlace, Mistake};
use crate::{profile, say, serve};

/// The tables of a catalog.
const CATALOG_TABLES: [&str; 3] = ["provider", "model", "tier"];

/// What was found.
#[derive(Default)]
struct Report {
    facts: Vec<(&'static str, String)>,
    warnings: Vec<String>,
    mistakes: Vec<String>,
}

/// `tollgate check FILE`
///
/// # Errors
/// The file cannot be read, or has mistakes, which have been told on standard error.
pub fn run(path: &Path) -> Result<(), Mistake> {
    let file = CatalogFile::read(path)?;
    let mut report = Report::default();
    let kind = if is_catalog(&file.text) {
        report.catalog(&file, &CompileOptions::default());
        "catalog"
    } else {
        report.config(&file, path);
        "configuration"
    };
    report.tell(&file.name, kind)
}

fn is_catalog(text: &str) -> bool {
    let (document, _) = DeTable::parse_recoverable(text);
    CATALOG_TABLES.iter().any(|table| document.get_ref().contains_key(*table))
}

impl Report {
    fn tell(self, name: &str, kind: &str) -> Result<(), Mistake> {
        if !self.mistakes.is_empty() {
            self.mistakes.iter().for_each(|mistake| notice::say!("{mistake}"));
            let count = self.mistakes.len();
            let noun = if count == 1 { "mistake" } else { "mistakes" };
            return Err(Mistake(format!("{count} {noun}; {name} is a {kind} that would not run")));
        }
        say(&format!("{name} is a {kind}; it holds together"));
        for (title, fact) in self.facts {
            say(&format!("  {title:10}  {fact}"));
        }
        for warning in self.warnings {
            say(&format!("warning: {warning}"));
        }
        Ok(())
    }

    fn fact(&mut self, title: &'static str, fact: String) {
        self.facts.push((title, fact));
    }

    fn catalog(&mut self, file: &CatalogFile, options: &CompileOptions) {
        match file.compile(options) {
            Ok((rows, compiled)) => {
                self.fact("catalog", counts(&compiled));
                let mut unset = unset_keys(&rows);
                source::locate(&file.text, &file.name, &mut unset);
                let warnings = compiled.warnings.iter().chain(&unset);
                self.warnings.extend(warnings.map(ToString::to_string));
            }
            Err(complaints) => {
                self.mistakes.extend(complaints.iter().map(ToString::to_string));
            }
        }
    }

    fn config(&mut self, file: &CatalogFile, path: &Path) {
        let config = match text::parse(&file.text, &file.name) {
            Ok(config) => config.beside(path),
            Err(found) => {
                self.mistakes.extend(found.iter().map(ToString::to_string));
                return;
            }
        };
        let at = |section: &str, key: &str, what: String| {
            let line = line_of(&file.text, section, key);
            Found { file: file.name.clone(), line, what }.to_string()
        };
        self.listeners(&config, &at);
        match serve::chosen_cores(&config.dataplane.cores) {
            Ok(cores) => self.fact("cores", format!("{}: {cores:?}", cores.len())),
            Err(Mistake(what)) => self.mistakes.push(at("dataplane", "cores", what)),
        }
        let profile = profile::read(&config.brand.profile);
        let multiplier = profile.as_ref().map(|profile| profile.control.multiplier);
        match &profile {
            Ok(profile) => self.fact("profile", profile.control.name.clone()),
            Err(Mistake(what)) => self.mistakes.push(at("brand", "profile", what.clone())),
        }
        let options = multiplier
            .map_or_else(|_| CompileOptions::default(), |multiplier| CompileOptions { multiplier });
        match config.brand.catalog.as_deref().map(CatalogFile::read) {
            Some(Ok(catalog)) => self.catalog(&catalog, &options),
            Some(Err(Mistake(what))) => {
                let remedy = "correct the path, which is relative to this file";
                self.mistakes.push(at("brand", "catalog", format!("{what}; {remedy}")));
            }
            None if config.brand.sandbox => {}
            None => self.warnings.push(at("brand", "catalog", NOTHING_SOLD.to_owned())),
        }
        match config.secrets.master_keys() {
            Ok(Some(_)) => self.fact("secrets", "provider keys are sealed on disk".to_owned()),
            Ok(None) => {}
            Err(Mistake(what)) => self.mistakes.push(at("secrets", "master_keys", what)),
        }
        self.link(&config, &at);
        if config.brand.sandbox {
            self.fact("sandbox", "runs inside, with models of its own".to_owned());
        }
    }

    fn link(&mut self, config: &Config, at: &impl Fn(&str, &str, String) -> String) {
        match (&config.link.control, &config.link.listen) {
            (Some(LinkPlace(path)), None) => {
                let id = config.dataplane.id.0;
                self.fact("link", format!("data plane {id}, to unix:{}", path.display()));
            }
            (None, Some(LinkPlace(path))) => {
                self.fact("link", format!("control plane, at unix:{}", path.display()));
            }
            (Some(_), Some(_)) => {
                let what = "control is a data plane's and listen a control plane's; keep one, or \
                            neither with `tollgate serve`";
                self.mistakes.push(at("link", "control", what.to_owned()));
            }
            (None, None) => {}
        }
    }

    fn listeners(&mut self, config: &Config, at: &impl Fn(&str, &str, String) -> String) {
        let (customers, operators) = (config.listen.data, config.listen.admin);
        let scheme = if config.listen.tls.is_some() { "https" } else { "http" };
        self.fact("customers", format!("{scheme}://{customers}"));
        self.fact("operators", format!("http://{operators}"));
        if customers == operators && customers.port() != 0 {
            let what = "admin is the address of data too; give each its own port";
            self.mistakes.push(at("listen", "admin", what.to_owned()));
        }
        if !operators.ip().is_loopback() {
            let what = "the admin port speaks plain HTTP and can be reached from other machines; \
                        listen on 127.0.0.1, or put it behind a private network";
            self.warnings.push(at("listen", "admin", what.to_owned()));
        }
        let files = config.listen.tls.iter().flat_map(|tls| [&tls.cert, &tls.key]);
        for file in files {
            if let Err(fault) = File::open(file) {
                let remedy = "correct the path, which is relative to this file";
                let what = format!("{}: cannot be read: {fault}; {remedy}", file.display());
                self.mistakes.push(at("listen", "tls", what));
            }
        }
    }
}

const NOTHING_SOLD: &str = "there is no catalog: nothing is sold until one is applied; set \
                            catalog = \"catalog.toml\", or use `tollgate apply`";

fn counts(compiled: &Compiled) -> String {
    let catalog = &compiled.catalog;
    let listed = catalog.models.iter().filter(|model| model.listed).count();
    let many =
        |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}, {} ({listed} listed) at {}, {}",
        many(catalog.providers.len(), "provider"),
        many(catalog.models.len(), "model"),
        many(catalog.endpoints.len(), "endpoint"),
        many(catalog.tiers.len(), "tier")
    )
}

/// API keys that are not to be had where this runs.
fn unset_keys(rows: &CatalogRows) -> Vec<Complaint> {
    let mut unset = Vec::new();
    for (row, provider) in rows.provider.iter().enumerate() {
        for (item, key) in provider.api_keys.iter().enumerate() {
            let place = || Place::row("provider", row).key("api_keys").item(item);
            let id = &provider.id;
            if let Some(name) = key.strip_prefix("env:")
                && std::env::var_os(name).is_none_or(|value| value.is_empty())
            {
                let what = format!("provider {id:?}: {name} is not set in this environment");
                unset.push(Complaint::new(place(), what, "set it where the server runs"));
            } else if let Some(path) = key.strip_prefix("file:")
                && let Err(fault) = File::open(path)
            {
                let what = format!("provider {id:?}: {path}: {fault}");
                unset.push(Complaint::new(place(), what, "put the key there for the server"));
            }
        }
    }
    unset
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(text: &str) -> Report {
        let file = CatalogFile { name: "my.toml".into(), text: text.into() };
        let mut report = Report::default();
        report.config(&file, Path::new("nowhere/my.toml"));
        report
    }

    #[test]
    fn a_catalog_is_told_by_its_tables() {
        assert!(is_catalog("[[model]]\nid = \"a/b\"\n"));
        assert!(is_catalog("provider = 3\nbroken"));
        assert!(!is_catalog("[listen]\ndata = \"127.0.0.1:1\"\n") && !is_catalog(""));
    }

    #[test]
    fn what_a_configuration_names_is_checked_too() {
        let report = checked(
            "[listen]\ndata = \"0.0.0.0:1\"\nadmin = \"0.0.0.0:1\"\n\
             tls = { cert = \"c.pem\", key = \"k.pem\" }\n[dataplane]\ncores = 4000\n\
             [brand]\nprofile = \"nobody\"\ncatalog = \"none.toml\"\n",
        );
        let lines = [":3: ", ":4: nowhere/c.pem", ":4: nowhere/k.pem", ":6: ", ":8: ", ":9: "];
        assert_eq!(report.mistakes.len(), lines.len(), "{:?}", report.mistakes);
        for (mistake, line) in report.mistakes.iter().zip(lines) {
            assert!(mistake.starts_with(&format!("my.toml{line}")), "{mistake}");
            assert!(mistake.contains("; "), "{mistake}");
        }
        assert_eq!(report.warnings.len(), 1);
    }

    #[test]
    fn no_catalog_is_worth_a_warning() {
        assert_eq!(checked("[brand]\nsandbox = true\n").warnings.len(), 0);
        let report = checked("[brand]\n");
        assert_eq!((report.warnings.len(), report.mistakes.len()), (1, 0));
    }
}
