//! The arrows between our crates, as an exact table: imports run downwards only.

use toml::{Table, Value};

use crate::source::Complaint;
use crate::tree::Tree;

/// A crate: its folder, its layer, and what it imports.
struct Crate {
    name: &'static str,
    folder: &'static str,
    layer: u8,
    imports: &'static [&'static str],
}

const fn a(
    name: &'static str,
    folder: &'static str,
    layer: u8,
    imports: &'static [&'static str],
) -> Crate {
    Crate { name, folder, layer, imports }
}

const CRATES: [Crate; 14] = [
    a("units", "shared/units", 0, &[]),
    a("channel", "shared/channel", 0, &[]),
    a("seal", "shared/seal", 0, &[]),
    a("notice", "shared/notice", 1, &["units"]),
    a("wire", "shared/wire", 1, &[]),
    a("catalog", "shared/catalog", 1, &["units"]),
    a("ledger", "shared/ledger", 1, &["units"]),
    a("dialect", "shared/dialect", 2, &["catalog", "units", "wire"]),
    a("journal", "shared/journal", 2, &[]),
    a("link", "shared/link", 2, &["catalog", "ledger", "units"]),
    a("sandbox", "sandbox", 3, &["notice", "units", "wire"]),
    a(
        "dataplane",
        "dataplane",
        3,
        &[
            "catalog", "channel", "dialect", "journal", "ledger", "link", "notice", "seal",
            "units", "wire",
        ],
    ),
    a(
        "controlplane",
        "controlplane",
        3,
        &["catalog", "journal", "ledger", "link", "notice", "seal", "units"],
    ),
    a(
        "deploy",
        "deploy",
        4,
        &["catalog", "controlplane", "dataplane", "link", "notice", "sandbox", "seal", "units"],
    ),
];

pub(crate) fn check(tree: &Tree) -> Vec<Complaint> {
    CRATES.iter().flat_map(|known| check_crate(known, tree)).collect()
}

fn check_crate(known: &Crate, tree: &Tree) -> Vec<Complaint> {
    let place = format!("{}/Cargo.toml", known.folder);
    let complain = |what: String| Complaint { place: place.clone(), what };
    let Ok(manifest) = tree.read(&place).parse::<Table>() else {
        return vec![complain("is not a manifest".to_owned())];
    };
    let imports = ours(&manifest, "dependencies");
    let mut complaints = Vec::new();
    for name in imports.iter().filter(|name| !known.imports.contains(name)) {
        complaints.push(complain(format!("imports `{name}`, which its layer's row does not list")));
    }
    for name in known.imports.iter().filter(|name| !imports.contains(name)) {
        complaints.push(complain(format!("does not import `{name}`, which its layer's row lists")));
    }
    for name in ours(&manifest, "dev-dependencies") {
        if layer_of(name) >= known.layer && name != "sandbox" {
            complaints.push(complain(format!("its tests reach up or sideways to `{name}`")));
        }
    }
    complaints
}

/// The crates of ours that a section of a manifest names.
fn ours(manifest: &Table, section: &str) -> Vec<&'static str> {
    let section = manifest.get(section).and_then(Value::as_table);
    let names = section.into_iter().flat_map(Table::keys);
    names
        .filter_map(|name| CRATES.iter().map(|known| known.name).find(|ours| ours == name))
        .collect()
}

fn layer_of(name: &str) -> u8 {
    CRATES.iter().find(|known| known.name == name).map_or(u8::MAX, |known| known.layer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_of_the_table_runs_downwards() {
        for known in &CRATES {
            for import in known.imports {
                assert!(layer_of(import) < known.layer, "{} -> {import}", known.name);
            }
        }
    }

    #[test]
    fn an_arrow_too_many_or_too_few_is_found() {
        let count = |manifest: &str| {
            let tree = Tree::of(&[("shared/dialect/Cargo.toml", manifest)]);
            let dialect = CRATES.iter().find(|known| known.name == "dialect").unwrap();
            check_crate(dialect, &tree).len()
        };
        let right = "[dependencies]\ncatalog.workspace = true\nunits.workspace = true\nwire = { path = \"\" }\n";
        assert_eq!(count(right), 0);
        assert_eq!(count(&format!("{right}journal.workspace = true")), 1);
        assert_eq!(count("[dependencies]\nunits.workspace = true"), 2);
        assert_eq!(count(&format!("{right}[dev-dependencies]\ndataplane.workspace = true")), 1);
        assert_eq!(count("not a manifest"), 1);
    }
}
