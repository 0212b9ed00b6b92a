//! Floors of versions, each set by an advisory, and crates that must not come in at all.
//!
//! This table needs no network; `deny.toml` holds the same crates against the live database.

use crate::source::Complaint;

/// A crate, the least version without a known hole, and the advisory that set it.
const FLOORS: [(&str, [u32; 3], &str); 19] = [
    ("h2", [0, 4, 20], "RUSTSEC-2026-0258"),
    ("rustls", [0, 23, 18], "RUSTSEC-2024-0399"),
    ("rustls-webpki", [0, 103, 13], "RUSTSEC-2026-0104"),
    ("ring", [0, 17, 12], "RUSTSEC-2025-0009"),
    ("aws-lc-sys", [0, 39, 0], "RUSTSEC-2026-0048"),
    ("simd-json", [0, 18, 0], "RUSTSEC-2019-0008, and reads past a string's end below 0.18"),
    ("crossbeam-channel", [0, 5, 15], "RUSTSEC-2025-0024"),
    ("crossbeam-epoch", [0, 9, 20], "RUSTSEC-2026-0204"),
    ("crossbeam-utils", [0, 8, 7], "RUSTSEC-2022-0041"),
    ("tokio", [1, 44, 2], "RUSTSEC-2025-0023"),
    ("bytes", [1, 11, 1], "RUSTSEC-2026-0007"),
    ("slab", [0, 4, 11], "RUSTSEC-2025-0047"),
    ("axum-core", [0, 3, 0], "RUSTSEC-2022-0055"),
    ("tokio-postgres", [0, 7, 18], "RUSTSEC-2026-0178"),
    ("postgres-protocol", [0, 6, 12], "RUSTSEC-2026-0180"),
    ("tracing-subscriber", [0, 3, 20], "RUSTSEC-2025-0055"),
    ("rand", [0, 9, 3], "RUSTSEC-2026-0097"),
    ("lru", [0, 18, 2], "RUSTSEC-2026-0253"),
    ("idna", [1, 0, 0], "RUSTSEC-2024-0421"),
];
/// Crates that are not used, and why.
const BANNED: [(&str, &str); 6] = [
    ("rustls-pemfile", "RUSTSEC-2025-0134: rustls-pki-types reads PEM itself"),
    ("bincode", "RUSTSEC-2025-0141"),
    ("serde_yml", "RUSTSEC-2025-0068"),
    ("simd-json-derive", "RUSTSEC-2023-0087"),
    ("monoio-http", "its fork of h2 lacks the fixes for floods"),
    ("monoio-rustls", "a stream used again after a timeout panics"),
];

pub(crate) fn check(lock: &str) -> Vec<Complaint> {
    let locked: Vec<(&str, &str)> = lock.split("[[package]]").skip(1).filter_map(package).collect();
    if locked.is_empty() {
        return vec![complain("names no package".to_owned())];
    }
    locked.into_iter().filter_map(|(name, version)| fault(name, version)).map(complain).collect()
}

fn complain(what: String) -> Complaint {
    Complaint { place: "Cargo.lock".to_owned(), what }
}

fn fault(name: &str, version: &str) -> Option<String> {
    if let Some((_, reason)) = BANNED.iter().find(|(banned, _)| *banned == name) {
        return Some(format!("{name} is not used here: {reason}"));
    }
    let (_, floor, advisory) = FLOORS.iter().find(|(known, ..)| *known == name)?;
    let [major, minor, patch] = floor;
    (numbers(version) < *floor)
        .then(|| format!("{name} {version} is below {major}.{minor}.{patch}: {advisory}"))
}

fn package(block: &str) -> Option<(&str, &str)> {
    Some((field(block, "name")?, field(block, "version")?))
}

fn field<'a>(block: &'a str, name: &str) -> Option<&'a str> {
    let line = block.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start().strip_prefix('=').map(|value| value.trim().trim_matches('"'))
}

fn numbers(version: &str) -> [u32; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_below_its_floor_and_a_banned_crate_are_found() {
        let lock = |name: &str, version: &str| {
            check(&format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n")).len()
        };
        assert_eq!(lock("bytes", "1.11.1"), 0);
        assert_eq!(lock("bytes", "1.11.0"), 1);
        assert_eq!(lock("h2", "0.3.26"), 1);
        assert_eq!(lock("rustls", "0.23.100"), 0);
        assert_eq!(lock("bincode", "2.0.0"), 1);
        assert_eq!(check("").len(), 1);
    }
}
