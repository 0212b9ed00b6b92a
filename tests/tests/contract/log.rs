//! `[log]`: what is told on standard error, how much and in which form.

use serde_json::Value;
use tollgate_tests::config::Config;
use tollgate_tests::gateway::Gateway;

/// What a gateway tells with these lines of `[log]`, from its start to its end.
fn told(log: &str) -> String {
    let config = Config { log: log.to_owned(), ..Config::simple("http://127.0.0.1:9/v1") };
    let mut gateway = Gateway::start(config);
    gateway.admin.customer("somebody", "1");
    assert!(gateway.stop().success());
    gateway.log()
}

#[test]
fn lines_for_machines_are_objects_and_lines_for_people_are_not() {
    let lines = told("level = \"debug\"\nformat = \"json\"\n");
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let says = |level: &str, words: &str| {
        lines.iter().any(|line| {
            line["level"] == level
                && line["message"].as_str().unwrap().contains(words)
                && line["at"].as_str().unwrap().ends_with('Z')
        })
    };
    assert!(says("info", "draining") && says("debug", "is published"), "{lines:?}");
    let text = told("level = \"info\"\n");
    assert!(text.contains("tollgate: draining\n") && !text.contains("is published"), "{text}");
}

#[test]
fn a_higher_level_leaves_out_what_matters_less() {
    assert_eq!(told("level = \"error\"\n"), "");
}
