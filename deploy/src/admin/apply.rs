//! `tollgate apply`: a catalog file brought to a server, the difference shown first.
//!
//! Order: the file is compiled here, so that its mistakes have lines; the server says what would
//! change; then it applies all of it or nothing. Invariant: what the server complains of is traced
//! back to the file's lines too. Left out on purpose: merging; the file is the whole catalog.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;

use catalog::compile::CompileOptions;
use catalog::{Complaint, Place, source};
use clap::Args;
use serde_json::Value;

use super::shown::text;
use super::{Admin, Answer, CALL, Call, Fault, Server};
use crate::catalog_file::CatalogFile;
use crate::config::Mistake;
use crate::say;

/// A catalog file through the admin API: prints the difference, then applies it, whole or not.
#[derive(Args)]
pub struct Apply {
    /// The catalog file.
    file: PathBuf,
    /// Print the difference only.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    server: Server,
}

/// `tollgate apply …`
///
/// # Errors
/// The file has mistakes, or there is no server, or it refuses.
pub fn run(apply: &Apply) -> Result<(), Mistake> {
    let file = CatalogFile::read(&apply.file)?;
    let checked = file.compile(&CompileOptions::default());
    let (rows, _) = checked.map_err(|complaints| Mistake::listed(&complaints))?;
    let body = serde_json::to_vec(&rows).map_err(|fault| Mistake(fault.to_string()))?;
    let admin = apply.server.find()?;
    let send = |query: &str| {
        let path = format!("/admin/v1/catalog{query}");
        let body = Some(body.clone());
        let answer = admin.call(Call { method: "POST", path: &path, body, wait: Some(CALL) });
        answer.map_err(|fault| traced_fault(&file, fault))
    };
    let preview = send("?dry_run=true")?;
    if !admin.json {
        tell_difference(&file, &preview);
    }
    if apply.dry_run {
        admin.tell(&preview, |_| "nothing was applied: a dry run".to_owned());
        return Ok(());
    }
    tell_applied(&admin, &preview, &send("")?);
    Ok(())
}

fn tell_applied(admin: &Admin, preview: &Answer, applied: &Answer) {
    let generation = text(&applied.value["generation"]);
    let same = preview.value["changes"].as_array().is_none_or(Vec::is_empty);
    admin.tell(applied, |_| match same {
        true => format!("the server has this catalog already, as generation {generation}"),
        false => format!("applied as generation {generation}"),
    });
}

fn tell_difference(file: &CatalogFile, preview: &Answer) {
    let warnings = preview.value["warnings"].as_array().into_iter().flatten();
    for warning in warnings.filter_map(Value::as_str) {
        notice::say!("warning: {}", traced(file, warning));
    }
    let coloured = stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for change in preview.value["changes"].as_array().into_iter().flatten() {
        say(&difference_line(change, coloured));
    }
}

/// `+ model acme/small`, or `~ provider acme: base_url`.
fn difference_line(change: &Value, coloured: bool) -> String {
    let (sign, colour) = match change["change"].as_str() {
        Some("added") => ('+', 32),
        Some("removed") => ('-', 31),
        Some("moved") => ('>', 36),
        _ => ('~', 33),
    };
    let fields = match change["fields"].as_array() {
        Some(fields) if !fields.is_empty() => format!(": {}", text(&change["fields"])),
        _ => String::new(),
    };
    let line = format!("{sign} {} {}{fields}", text(&change["kind"]), text(&change["id"]));
    if coloured { format!("\u{1b}[{colour}m{line}\u{1b}[0m") } else { line }
}

fn traced_fault(file: &CatalogFile, fault: Fault) -> Fault {
    match fault {
        Fault::Complaints(complaints) => {
            Fault::Complaints(complaints.iter().map(|complaint| traced(file, complaint)).collect())
        }
        other => other,
    }
}

/// The server's `model[3].context: what; remedy` as `catalog.toml:12: what; remedy`.
fn traced(file: &CatalogFile, complaint: &str) -> String {
    let located = || {
        let (place, rest) = complaint.split_once(": ")?;
        let (what, remedy) = rest.rsplit_once("; ")?;
        let mut located = [Complaint::new(parse_place(place)?, what, remedy)];
        source::locate(&file.text, &file.name, &mut located);
        Some(located[0].to_string())
    };
    located().unwrap_or_else(|| format!("{}: {complaint}", file.name))
}

/// Reads a place as it is shown.
fn parse_place(text: &str) -> Option<Place> {
    let mut keys = text.split('.');
    let (first, indices) = key_and_indices(keys.next()?)?;
    let first = ["provider", "model", "tier"].into_iter().find(|known| *known == first)?;
    let mut place = Place::row(first, *indices.first()?);
    for part in keys {
        let (key, indices) = key_and_indices(part)?;
        place = indices.into_iter().fold(place.key(key.to_owned()), |place, at| place.item(at));
    }
    Some(place)
}

fn key_and_indices(part: &str) -> Option<(&str, Vec<usize>)> {
    let mut parts = part.split('[');
    let key = parts.next().filter(|key| !key.is_empty())?;
    let index = |text: &str| text.strip_suffix(']')?.parse().ok();
    Some((key, parts.map(index).collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_servers_complaint_is_traced_to_its_line() {
        let text = "[[model]]\nid = \"a/b\"\n  [[model.endpoint]]\n  provider = \"x\"\n";
        let file = CatalogFile { name: "c.toml".into(), text: text.into() };
        let complaint = "model[0].endpoint[0].provider: it is unknown: who; name one";
        assert_eq!(traced(&file, complaint), "c.toml:4: it is unknown: who; name one");
        assert_eq!(traced(&file, "elsewhere: what; remedy"), "c.toml: elsewhere: what; remedy");
        assert_eq!(traced(&file, "model: what; remedy"), "c.toml: model: what; remedy");
    }

    #[test]
    fn a_place_reads_back() {
        for place in ["model[3].endpoint[0].price.above[1].input", "tier[0]", "provider[2].id"] {
            assert_eq!(parse_place(place).map(|place| place.to_string()).as_deref(), Some(place));
        }
        for place in ["", "model", "price[0]", "model[x]", "model[0].[1]"] {
            assert_eq!(parse_place(place), None, "{place}");
        }
    }

    #[test]
    fn a_difference_has_its_sign_and_its_fields() {
        let change = json!({"kind": "model", "id": "a/b", "change": "changed", "fields": ["x"]});
        assert_eq!(difference_line(&change, false), "~ model a/b: x");
        let change = json!({"kind": "tier", "id": "t/l", "change": "removed", "fields": []});
        assert_eq!(difference_line(&change, true), "\u{1b}[31m- tier t/l\u{1b}[0m");
    }
}
