//! What cargo calls in place of the compiler: it gives release builds the recorded profile, and no
//! other build anything.

use std::path::Path;
use std::process::Command;

use crate::source::Complaint;

/// A file of ours, from the tree's root.
const WRAPPER: &str = "deploy/profile/rustc";
const PROFILE: &str = "deploy/profile/release.profdata";
/// What cargo says of a release build.
const RELEASE: &str = "opt-level=3";

/// Calls the wrapper with a compiler that only tells its arguments.
pub(crate) fn check(root: &Path) -> Vec<Complaint> {
    let used = format!("-Cprofile-use={}", root.join(PROFILE).display());
    let cases = [
        ("", RELEASE, Some(used.as_str())),
        ("off", RELEASE, None),
        ("record:counts", RELEASE, Some("-Cprofile-generate=counts")),
        ("", "opt-level=0", None),
        ("record:counts", "opt-level=2", None),
    ];
    let complaint = |what| Complaint { place: WRAPPER.to_owned(), what };
    let faults = cases.iter().filter_map(|case| fault(&root.join(WRAPPER), case).map(complaint));
    faults.collect()
}

fn fault(wrapper: &Path, (asked, level, added): &(&str, &str, Option<&str>)) -> Option<String> {
    let mut command = Command::new(wrapper);
    command.args(["echo", "--crate-name", "a crate", "-C", level]);
    let output = match command.env("TOLLGATE_PROFILE", asked).output() {
        Ok(output) => output,
        Err(error) => return Some(format!("it cannot be run: {error}")),
    };
    let told = String::from_utf8_lossy(&output.stdout);
    let rest = told.strip_prefix(&format!("--crate-name a crate -C {level}"));
    let found = rest.map(|rest| rest.split_whitespace().next());
    let right = found == Some(*added);
    (!right).then(|| format!("with TOLLGATE_PROFILE={asked:?} at {level} the compiler got {told}"))
}

#[test]
fn a_wrapper_that_adds_nothing_is_found_out() {
    let echo = Path::new("echo");
    let told = fault(echo, &("", RELEASE, Some("-Cprofile-use=x")));
    assert!(told.is_some_and(|what| what.contains("the compiler got")));
    assert!(fault(Path::new("no such wrapper"), &("", RELEASE, None)).is_some());
}
