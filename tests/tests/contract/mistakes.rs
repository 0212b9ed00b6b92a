//! Wrong files at a start: the process ends with 1 and says which file, which line, what to do.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use tollgate_tests::config::{Config, Prices};
use tollgate_tests::gateway::binary;

/// Starts on files as written; answers what it said. It must end with 1.
#[track_caller]
fn complaint(config: &Config) -> String {
    let ended = Command::new(binary())
        .arg("serve")
        .arg("--config")
        .arg(config.folder.join("tollgate.toml"))
        .arg("--data")
        .arg(config.data_folder())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    fs::remove_dir_all(&config.folder).unwrap();
    said
}

fn good() -> Config {
    Config::simple("http://127.0.0.1:1/v1")
}

/// The number of the line that holds `text`.
fn line_of(file: &str, text: &str) -> usize {
    1 + file.lines().position(|line| line.contains(text)).unwrap()
}

#[test]
fn a_wrong_configuration_names_its_line() {
    for (from, to) in [
        ("[dataplane]", "[dataplane]\nspeed = 3"),
        ("cores = 1", "cores = 0"),
        ("cores = 1", "cores = \"9-2\""),
        ("drain_seconds = 5", "drain_seconds = \"5\""),
        ("drain_seconds = 5", "durability = \"soon\""),
        ("[limits]", "[limits]\nbody_byte = 5"),
        ("[limits]", "[limits]\nbody_bytes = -5"),
        ("[limits]", "[limit]"),
        ("level = \"info\"", "level = \"loud\""),
        ("level = \"info\"", "level = "),
    ] {
        let config = good();
        let path = config.write();
        let text = fs::read_to_string(&path).unwrap().replace(from, to);
        let wrong = to.lines().last().unwrap();
        let place = format!("tollgate.toml:{}: ", line_of(&text, wrong));
        fs::write(&path, text).unwrap();
        let said = complaint(&config);
        assert!(said.contains(&place), "{to}: {place} in {said}");
        assert!(said.contains("; "), "{to} has no remedy: {said}");
    }
}

#[test]
fn a_wrong_catalog_names_its_lines_all_of_them() {
    let config = good()
        .provider("second", "http://127.0.0.1:1/v1", "allow_private = false")
        .provider("third", "nowhere", "api_key = [\"x\"]")
        .model("up/lost", &[("unknown", "chat")], &Prices::new("1", "2"), "")
        .model("up/chat", &[("up", "again")], &Prices::new("1", "2"), "");
    config.write();
    let catalog = config.catalog.clone();
    let said = complaint(&config);
    // An unknown key is a mistake of the text: it is said alone.
    let place = format!("catalog.toml:{}", line_of(&catalog, "api_key = "));
    assert!(said.contains(&place) && said.contains("api_key"), "{place} in {said}");

    let mut config = config;
    config.catalog = catalog.replace("api_key = [\"x\"]\n", "");
    config.write();
    let catalog = config.catalog.clone();
    let said = complaint(&config);
    let second = catalog.lines().position(|line| line.contains("id = \"second\"")).unwrap();
    let again = catalog.rfind("id = \"up/chat\"").unwrap();
    for line in [
        second + 2,
        line_of(&catalog, "base_url = \"nowhere\""),
        line_of(&catalog, "provider = \"unknown\""),
        1 + catalog[..again].matches('\n').count(),
    ] {
        let place = format!("catalog.toml:{line}");
        assert!(said.contains(&place), "{place} in {said}");
    }
    assert!(said.lines().all(|line| line.contains("; ") || line.contains(": ")), "{said}");
}

#[test]
fn a_price_that_is_missing_is_never_free() {
    let mut config = good();
    let (priced, unpriced) = (", output = ", ", cache_write = ");
    assert!(config.catalog.contains(priced), "{}", config.catalog);
    config.catalog = config.catalog.replace(priced, unpriced);
    config.write();
    let line = line_of(&config.catalog, "  list = ");
    let said = complaint(&config);
    assert!(said.contains(&format!("catalog.toml:{line}")) && said.contains("output"), "{said}");
}

#[test]
fn what_is_not_there_or_in_use_is_said_plainly() {
    let config = good();
    config.write();
    fs::remove_file(config.folder.join("catalog.toml")).unwrap();
    assert!(complaint(&config).contains("catalog.toml: cannot be read"));

    let mut config = good();
    config.profile = "unheard-of".to_owned();
    config.write();
    assert!(complaint(&config).contains("unheard-of"));

    for is_admin in [false, true] {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut config = good();
        let addr = taken.local_addr().unwrap();
        let place = if is_admin { &mut config.admin_addr } else { &mut config.data_addr };
        *place = addr;
        config.write();
        let said = complaint(&config);
        assert!(said.contains(&addr.to_string()), "{said}");
    }
}
