//! A library is named in one place, so that replacing it means rewriting one place.

use crate::source::{Complaint, Source};

const CORE_NET: &[&str] = &["dataplane/src/net", "dataplane/src/upstream"];
const TLS_ENDS: &[&str] = &[
    "dataplane/src/net",
    "dataplane/src/upstream",
    "dataplane/src/uplink",
    "controlplane/src/link",
];
const WIRE: &[&str] = &["shared/wire"];
const CHANNEL: &[&str] = &["shared/channel"];
const TOKIO: &[&str] = &["controlplane", "sandbox", "deploy", "dataplane/src/uplink"];

/// A library and the paths that may name it; tests and benches may name any.
const PLACES: &[(&str, &[&str])] = &[
    ("monoio", CORE_NET),
    ("h2", CORE_NET),
    ("rustls", TLS_ENDS),
    ("webpki_roots", TLS_ENDS),
    ("httparse", WIRE),
    ("itoa", WIRE),
    ("simd_json", WIRE),
    ("wide", WIRE),
    ("crossbeam", CHANNEL),
    ("crossbeam_queue", CHANNEL),
    ("crossbeam_utils", CHANNEL),
    ("crossbeam_channel", CHANNEL),
    ("crossbeam_epoch", CHANNEL),
    ("ring", &["controlplane/src/receipt", "dataplane/src/net", "shared/channel", "shared/seal"]),
    ("rustix", &["dataplane/src/net", "deploy/src/handover"]),
    ("sled", &["controlplane/src/store/embedded"]),
    ("glommio", &["shared/journal/src/direct"]),
    ("axum", &["controlplane"]),
    ("http_body", &["controlplane/src/api/export"]),
    ("tokio", TOKIO),
    ("indicatif", &["deploy"]),
    ("jsonschema", &["shared/dialect/src/extraction/schema"]),
    ("clap", &["deploy"]),
    ("mimalloc", &["deploy"]),
];

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for word in source.words() {
        let Some((name, places)) = PLACES.iter().find(|(name, _)| *name == word.text) else {
            continue;
        };
        let line = source.line_of(word.at);
        let starts_path = !word.before().ends_with("::") && !word.before().ends_with('.');
        let is_crate = starts_path && (word.after().starts_with("::") || word.follows("use"));
        if is_crate
            && !places.iter().any(|place| is_within(&source.path, place))
            && !source.is_test(line)
        {
            let what = format!("`{name}` is named only in {}", places.join(", "));
            complaints.push(source.complain(line, what));
        }
    }
    complaints
}

/// Whether `path` is the file `place.rs`, or stands in the folder `place`.
fn is_within(path: &str, place: &str) -> bool {
    path.strip_prefix(place).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_named_elsewhere_is_found() {
        let count = |path: &str, text: &str| check(&Source::rust(path, text)).len();
        assert_eq!(count("dataplane/src/stage/relay.rs", "use monoio::time;"), 1);
        assert_eq!(count("dataplane/src/listener.rs", "fn f() { monoio::spawn(g()) }"), 1);
        assert_eq!(count("dataplane/src/listener.rs", "#[tokio::main]\nfn f() {}"), 1);
        assert_eq!(count("shared/journal/src/writer.rs", "use glommio;"), 1);
        assert_eq!(count("dataplane/src/net/ring.rs", "use monoio::time;"), 0);
        assert_eq!(count("dataplane/src/uplink.rs", "use tokio::net;"), 0);
        assert_eq!(count("dataplane/src/listener.rs", "use crate::net::monoio::x; // monoio"), 0);
    }
}
