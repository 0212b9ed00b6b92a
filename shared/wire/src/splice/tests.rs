//! Splicing: the result parses to what was meant, and all other bytes stay.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::json::{members, trimmed};

/// What is done with one member.
#[derive(Clone, Copy, Debug)]
enum Act {
    Keep,
    Remove,
    Replace,
}

fn apply(edits: &mut Edits, body: &[u8]) -> Vec<u8> {
    let mut out = b"before ".to_vec();
    edits.apply(body, trimmed(body), &mut out);
    assert!(edits.is_empty());
    out.split_off(7)
}

fn find(body: &[u8], key: &str) -> Member {
    members(body).flatten().find(|member| member.is(body, key)).unwrap()
}

proptest! {
    #[test]
    fn any_edits_leave_the_object_that_was_meant(
        acts in prop::collection::vec(
            prop_oneof![Just(Act::Keep), Just(Act::Remove), Just(Act::Replace)], 0..7),
        inserts in 0_usize..3,
        pretty in any::<bool>(),
        padding in "[ \n\r\t]{0,3}",
        backwards in any::<bool>(),
    ) {
        let fields = (0..acts.len()).map(|n| (format!("k{n}"), json!([n, {"in,}": "a,}\\\""}])));
        let object: Map<String, Value> = fields.collect();
        let text = if pretty {
            serde_json::to_string_pretty(&object).unwrap()
        } else {
            serde_json::to_string(&object).unwrap()
        };
        let body = format!("{padding}{text}{padding}").into_bytes();
        let mut expected = object.clone();
        let mut edits = Edits::new();
        let mut steps: Vec<_> = members(&body).flatten().zip(&acts).enumerate().collect();
        if backwards {
            steps.reverse();
        }
        for (n, (member, act)) in steps {
            match act {
                Act::Keep => {}
                Act::Remove => {
                    edits.remove(&member);
                    expected.remove(&format!("k{n}"));
                }
                Act::Replace => {
                    edits.replace(member.value, b"{\"new\": 1}");
                    expected.insert(format!("k{n}"), json!({"new": 1}));
                }
            }
        }
        for n in 0..inserts {
            edits.insert(&format!("new{n}\""), b"[true]");
            expected.insert(format!("new{n}\""), json!([true]));
        }
        let untouched = edits.is_empty();
        let out = apply(&mut edits, &body);
        let parsed: Map<String, Value> = serde_json::from_slice(&out).unwrap();
        prop_assert_eq!(parsed, expected);
        if untouched {
            prop_assert_eq!(out, body);
        }
    }

    #[test]
    fn any_text_is_written_as_json(text in any::<String>()) {
        let mut out = Vec::new();
        write_string(&text, &mut out);
        prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
    }
}

#[test]
fn bytes_that_are_not_edited_stay_as_they_were() {
    let body = b" { \"model\" : \"x\" ,\n\"n\":1.0,\t\"u\":\"\\u00e9\" } ";
    let mut edits = Edits::new();
    edits.insert("max_tokens", b"7");
    edits.replace(find(body, "model").value, b"\"gpt\"");
    edits.remove(&find(body, "n"));
    let out = apply(&mut edits, body);
    let expected = b" { \"model\" : \"gpt\" ,\n\"u\":\"\\u00e9\" ,\"max_tokens\":7} ";
    assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

#[test]
fn every_choice_of_removals_settles_its_commas() {
    let body = b"{\"a\":1, \"b\":2 ,\"c\":3}";
    for chosen in 0..8 {
        let mut edits = Edits::new();
        let mut expected = Map::new();
        for (n, key) in ["a", "b", "c"].into_iter().enumerate() {
            if chosen & (1 << n) == 0 {
                expected.insert(key.to_owned(), json!(n + 1));
            } else {
                edits.remove(&find(body, key));
            }
        }
        edits.insert("d", b"4");
        expected.insert("d".to_owned(), json!(4));
        let out = apply(&mut edits, body);
        assert_eq!(serde_json::from_slice::<Map<String, Value>>(&out).unwrap(), expected);
    }
}

#[test]
fn edits_reach_into_nested_objects() {
    let body = b"{\"o\":{\"x\":1,\"y\":2},\"z\":3}";
    let object = find(body, "o").value;
    let nested = object.of(body);
    let mut edits = Edits::new();
    let y = find(nested, "y");
    let by = object.range().start;
    edits.remove(&Member { key: y.key.shifted(by), value: y.value.shifted(by), kind: y.kind });
    edits.insert("w", b"0");
    let mut out = Vec::new();
    edits.replace(find(body, "z").value, b"4");
    edits.apply(body, object, &mut out);
    assert_eq!(out, b"{\"o\":{\"x\":1,\"w\":0},\"z\":4}");
}

#[test]
fn of_two_edits_that_overlap_the_first_counts() {
    let body = b"{\"a\":[1,2],\"b\":3}";
    let whole = find(body, "a");
    let mut edits = Edits::new();
    edits.replace(Span { start: whole.value.start + 1, end: whole.value.start + 2 }, b"9");
    edits.remove(&whole);
    edits.replace(whole.value, b"0");
    assert_eq!(apply(&mut edits, body), b"{\"b\":3}");
}

#[test]
fn spans_outside_the_body_change_nothing() {
    let mut edits = Edits::new();
    edits.replace(Span { start: 90, end: 95 }, b"x");
    edits.replace(Span { start: 3, end: 2 }, b"x");
    let mut out = Vec::new();
    edits.apply(b"{}", Span { start: 0, end: 2 }, &mut out);
    assert_eq!(out, b"{}");
}
