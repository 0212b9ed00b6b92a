//! The gate: what is JSON and what is not, keys that stand twice, and bombs.

mod cases;

use proptest::prelude::*;

use super::*;
use cases::{ACCEPTED, DUPLICATES, REFUSED};

fn check(body: &[u8]) -> Result<TopLevel, GateFault> {
    Gate::new().check(body, &GateLimits::default())
}

/// The text as the value of the one member of a body.
fn within(text: &[u8]) -> Vec<u8> {
    [b"{\"a\":", text, b"}"].concat()
}

#[test]
fn what_is_json_passes() {
    for text in ACCEPTED {
        let checked = check(&within(text));
        assert!(checked.is_ok(), "{}: {checked:?}", text.escape_ascii());
    }
}

#[test]
fn what_is_not_json_is_refused() {
    for text in REFUSED {
        for body in [text.to_vec(), within(text)] {
            let refused = check(&body).err();
            assert!(
                matches!(refused, Some(GateFault::NotJson { .. } | GateFault::NotUtf8)),
                "{}: {refused:?}",
                body.escape_ascii()
            );
        }
    }
}

#[test]
fn a_gate_that_was_used_judges_as_a_new_one() {
    let mut gate = Gate::new();
    let limits = GateLimits::default();
    for _ in 0..2 {
        for text in REFUSED.iter().chain(ACCEPTED) {
            let body = within(text);
            let judged = gate.check(&body, &limits);
            assert_eq!(judged.is_ok(), check(&body).is_ok(), "{}", text.escape_ascii());
            judged.map_or_else(drop, |top| gate.reuse(top));
        }
    }
}

#[test]
fn only_an_object_passes() {
    for body in ["[]", "1", "-1.5", "\"a\"", "null", "true", " [{}] "] {
        assert_eq!(check(body.as_bytes()).err(), Some(GateFault::NotAnObject), "{body}");
    }
    for body in ["", " ", "nul", "hello", "<x>", "{", "[1,2", "\u{feff}{}", "a=b"] {
        let refused = check(body.as_bytes()).err();
        assert!(matches!(refused, Some(GateFault::NotJson { .. })), "{body}: {refused:?}");
    }
}

#[test]
fn every_truncation_is_refused() {
    let body = br#"{"model":"a/b","n":[1,-2.5e3,{"x":null}],"t":"\u00e9\n","s":true}"#;
    assert!(check(body).is_ok());
    for end in 0..body.len() {
        assert!(check(&body[..end]).is_err(), "{end}");
    }
}

#[test]
fn keys_that_stand_twice_are_refused_where_they_decide() {
    for (body, expected) in DUPLICATES {
        let found = match check(body.as_bytes()) {
            Ok(_) => None,
            Err(GateFault::Duplicate { key }) => Some(key),
            Err(other) => panic!("{body}: {other}"),
        };
        assert_eq!(found.as_deref(), *expected, "{body}");
    }
}

#[test]
fn a_key_is_found_again_among_few_and_among_many_and_whatever_they_look_like() {
    for others in [0, 1, 5, 22, 23, 24, 25, 200] {
        let mut body = String::from("{\"presence_first\":1,\"presence_other\":2");
        for other in 0..others {
            body.push_str(&format!(",\"k{other}\":0"));
        }
        assert!(check(format!("{body}}}").as_bytes()).is_ok(), "{others}");
        for again in ["presence_other", "Presence_Other", "presence_\\u006fther"] {
            let found = check(format!("{body},\"{again}\":3}}").as_bytes()).err();
            let expected = GateFault::Duplicate { key: "presence_other".to_owned() };
            assert_eq!(found, Some(expected), "{again} among {others}");
        }
    }
}

#[test]
fn members_are_found_by_key_in_any_spelling() {
    let body = br#" {"mod\u0065l" : "x", "n":2 } "#;
    let top = check(body).unwrap();
    assert_eq!(top.get(body, "model").unwrap().value.of(body), b"\"x\"");
    assert_eq!(top.get(body, "n").unwrap().value.of(body), b"2");
    assert!(top.get(body, "N").is_none());
    assert_eq!(top.iter().count(), 2);
    assert_eq!(top.object(), Span::new(1, body.len() - 1));
}

#[test]
fn depth_is_bounded_exactly() {
    let nested = |depth: usize| {
        let inside = depth - 1;
        format!("{{\"a\":{}{}}}", "[".repeat(inside), "]".repeat(inside)).into_bytes()
    };
    assert!(check(&nested(64)).is_ok());
    assert_eq!(check(&nested(65)).err(), Some(GateFault::TooDeep));
    let flat = GateLimits { depth: 1, ..GateLimits::default() };
    assert!(Gate::new().check(b"{\"a\":\"[[\"}", &flat).is_ok());
    assert_eq!(Gate::new().check(b"{\"a\":{}}", &flat).err(), Some(GateFault::TooDeep));
}

#[test]
fn bombs_are_refused_without_a_stack() {
    let million = 1_000_000;
    let bomb = |start: &str, part: &str| (start.to_owned() + &part.repeat(million)).into_bytes();
    assert_eq!(check(&bomb("{\"a\":", "[")).err(), Some(GateFault::TooDeep));
    assert_eq!(check(&bomb("", "{\"a\":")).err(), Some(GateFault::TooDeep));
    assert_eq!(check(&bomb("", "[")).err(), Some(GateFault::TooDeep));
    let many = [bomb("{\"a\":0", ",\"a\":0"), b"}".to_vec()].concat();
    assert_eq!(check(&many).err(), Some(GateFault::TooManyMembers));
    let many = [bomb("{\"provider\":{\"a\":0", ",\"a\":0"), b"}}".to_vec()].concat();
    assert_eq!(check(&many).err(), Some(GateFault::TooManyMembers));
}

#[test]
fn members_are_bounded_exactly() {
    let object = |count: usize| {
        let members: Vec<_> = (0..count).map(|n| format!("\"k{n}\":{n}")).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(check(object(1024).as_bytes()).is_ok());
    assert_eq!(check(object(1025).as_bytes()).err(), Some(GateFault::TooManyMembers));
    let nested = |count| format!("{{\"routing\":[{{}},{}]}}", object(count));
    assert!(check(nested(1024).as_bytes()).is_ok());
    assert_eq!(check(nested(1025).as_bytes()).err(), Some(GateFault::TooManyMembers));
}

#[test]
fn a_large_body_leaves_no_large_buffers() {
    let mut gate = Gate::new();
    let key = "k".repeat(KEEP_MAX);
    let body = format!("{{\"provider\":{{\"{key}\":0,\"\\u006b{key}\":0}}}}");
    assert!(gate.check(body.as_bytes(), &GateLimits::default()).is_ok());
    assert_eq!(gate.finder.capacity(), 0);
}

proptest! {
    #[test]
    fn the_gate_and_another_reader_agree_on_what_is_json(
        parts in prop::collection::vec(prop::sample::select(ACCEPTED), 1..5),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![prop::sample::select(b"{}[]\",:\\0-.eE tn\n".as_slice()), any::<u8>()],
        insert in any::<bool>(),
    ) {
        let mut body = within(&[b"[", parts.join(&b","[..]).as_slice(), b"]"].concat());
        let place = place.index(body.len());
        if insert {
            body.insert(place, byte);
        } else {
            body[place] = byte;
        }
        let refused = matches!(
            check(&body).err(),
            Some(GateFault::NotJson { .. } | GateFault::NotUtf8)
        );
        let read = serde_json::from_slice::<serde_json::Value>(&body);
        // The other reader rounds whole numbers beyond 64 bits, which the gate refuses.
        let rounded = read.as_ref().is_ok_and(|value| value.to_string().contains("e+"));
        prop_assert!(
            refused == read.is_err() || (refused && rounded),
            "{}: {:?}", body.escape_ascii(), read
        );
        // A third reader, which refuses them too.
        let mut scratch = body.clone();
        let third = simd_json::to_tape(&mut scratch).map(|_| ());
        prop_assert_eq!(refused, third.is_err(), "{}: {:?}", body.escape_ascii(), third);
    }
}
