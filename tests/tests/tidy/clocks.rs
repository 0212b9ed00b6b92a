//! What the pure crates never touch: clocks, floats beside money; and the one place of a spawn.

use crate::source::{Complaint, Source, Word};

/// Crates in which every number may be money.
const MONEY: [&str; 3] = ["shared/units/", "shared/catalog/", "shared/ledger/"];
/// Says when something was told, and rules nothing.
const TELLS_TIME: &str = "shared/notice/";
/// The only file that puts a task on a core, with its panic fence.
const SPAWN: &str = "dataplane/src/net/task.rs";

pub(crate) fn check(source: &Source) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for word in source.words() {
        let line = source.line_of(word.at);
        let fault =
            clock(source, word).or_else(|| float(source, word)).or_else(|| spawn(source, word));
        if let Some(what) = fault.filter(|_| !source.is_test(line)) {
            complaints.push(source.complain(line, what));
        }
    }
    complaints
}

fn clock(source: &Source, word: Word<'_>) -> Option<&'static str> {
    let reads = ["Instant", "SystemTime"].contains(&word.text) && word.after().starts_with("::now");
    let is_pure = source.path.starts_with("shared/") && !source.path.starts_with(TELLS_TIME);
    (reads && is_pure).then_some("time is given here, never read")
}

fn float(source: &Source, word: Word<'_>) -> Option<&'static str> {
    let is_float = ["f32", "f64"].contains(&word.text);
    let is_money = MONEY.iter().any(|folder| source.path.starts_with(folder));
    (is_float && is_money).then_some("no floats where money is")
}

fn spawn(source: &Source, word: Word<'_>) -> Option<&'static str> {
    let named = ["spawn", "spawn_local"].contains(&word.text) && source.path != SPAWN;
    let ours = source.path.starts_with("dataplane/src/");
    let direct = word.before().ends_with("monoio::") || in_monoio_use(word);
    (named && ours && direct).then_some("tasks start in net/task.rs only, behind its fence")
}

/// Whether the word stands in the braces of a `use monoio::{…}`.
fn in_monoio_use(word: Word<'_>) -> bool {
    let statement = word.before().rsplit(';').next().unwrap_or_default();
    statement.trim_start().starts_with("use monoio::")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_floats_and_stray_spawns_are_found() {
        let count = |path: &str, text: &str| check(&Source::rust(path, text)).len();
        assert_eq!(count("shared/ledger/src/fold.rs", "fn f() { Instant::now() }"), 1);
        assert_eq!(count("shared/wire/src/a.rs", "fn f() { std::time::SystemTime::now() }"), 1);
        assert_eq!(count("dataplane/src/worker.rs", "fn f() { Instant::now() }"), 0);
        assert_eq!(count("shared/units/src/money.rs", "fn f(x: f64) {}"), 1);
        assert_eq!(count("shared/wire/src/a.rs", "fn f(x: f64) {}"), 0);
        assert_eq!(count("dataplane/src/listener.rs", "fn f() { monoio::spawn(x) }"), 1);
        assert_eq!(count("dataplane/src/net/ring.rs", "use a::b;\nuse monoio::{io, spawn};"), 1);
        assert_eq!(count("dataplane/src/net/task.rs", "fn f() { monoio::spawn(x) }"), 0);
        assert_eq!(count("dataplane/src/worker.rs", "fn f() { thread::spawn(x) }"), 0);
    }
}
