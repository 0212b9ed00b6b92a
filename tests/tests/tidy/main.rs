//! House rules, checked on the tree as it lies on disk.
//!
//! Each rule is a pure function from a source file (or the whole tree) to complaints with their
//! `file:line`, and each has a test of its own that shows it can fail. The tests in this file
//! apply the rules to the real tree.
//! Left out on purpose: what the compiler or clippy already refuses.

#![expect(clippy::unwrap_used, reason = "a rule that cannot read the tree has to fail loudly")]

mod clocks;
mod compiler;
mod heads;
mod layers;
mod leftovers;
mod names;
mod prose;
mod reach;
mod readme;
mod refused;
mod size;
mod source;
mod stages;
mod tree;
mod versions;

use source::Complaint;
use tree::Tree;

#[test]
fn files_functions_and_lines_are_short() {
    require(tree().each_rust(size::check));
    require(tree().each_script(size::check_lines));
    require(size::check_spread(tree()));
}

#[test]
fn every_file_begins_by_saying_what_it_is_for() {
    require(tree().each_rust(heads::check));
}

#[test]
fn nothing_is_left_lying_about() {
    require(tree().each_rust(leftovers::check));
}

#[test]
fn third_party_names_stand_only_in_their_place() {
    require(tree().each_rust(names::check));
}

#[test]
fn manifests_draw_exactly_the_arrows_of_the_layers() {
    require(layers::check(tree()));
}

#[test]
fn a_stage_knows_only_the_results_of_stages_before_it() {
    require(tree().each_rust(stages::check));
}

#[test]
fn pure_crates_are_given_the_time_and_count_money_in_integers() {
    require(tree().each_rust(clocks::check));
}

#[test]
fn refused_words_name_nothing() {
    require(tree().each_rust(refused::check));
}

#[test]
fn every_module_is_reached_from_its_crate() {
    require(reach::check(tree()));
}

#[test]
fn locked_versions_are_above_their_floors() {
    require(versions::check(&tree().read("Cargo.lock")));
}

#[test]
fn only_release_builds_get_the_recorded_profile() {
    require(compiler::check(tree().root()));
}

#[test]
fn the_readme_tells_the_truth() {
    require(readme::check(tree()));
}

#[test]
fn no_file_tells_how_or_where_it_was_written() {
    require(tree().each_text(prose::check));
    require(prose::check_documents(tree()));
}

fn tree() -> &'static Tree {
    static TREE: std::sync::OnceLock<Tree> = std::sync::OnceLock::new();
    TREE.get_or_init(Tree::load)
}

#[track_caller]
fn require(complaints: Vec<Complaint>) {
    let lines: Vec<String> = complaints.iter().map(Complaint::to_string).collect();
    assert!(lines.is_empty(), "{} complaints:\n{}", lines.len(), lines.join("\n"));
}
