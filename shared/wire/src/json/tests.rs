//! The scanner against another reader of JSON, and against everything that is not JSON.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// Any JSON value, with keys and texts that need escapes.
fn value() -> impl Strategy<Value = Value> {
    let text = "[a-z\"\\\\/ \u{0}-\u{1f}{}\\[\\],:é\u{10ffff}]{0,40}";
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |item| {
        prop_oneof![
            prop::collection::vec(item.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(text, item, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn kind(value: &Value) -> ValueKind {
    match value {
        Value::Object(_) => ValueKind::Object,
        Value::Array(_) => ValueKind::Array,
        Value::String(_) => ValueKind::String,
        Value::Number(_) => ValueKind::Number,
        Value::Bool(true) => ValueKind::True,
        Value::Bool(false) => ValueKind::False,
        Value::Null => ValueKind::Null,
    }
}

/// That a scan of `text` finds what `value` holds, at every level.
fn agrees(text: &[u8], value: &Value) {
    match value {
        Value::Object(map) => {
            let mut count = 0;
            for member in members(text) {
                let member = member.unwrap();
                let key = unescape(text, member.key).unwrap();
                let expected = &map[key.as_ref()];
                assert!(member.is(text, &key));
                assert_eq!(member.kind, kind(expected));
                agrees(member.value.of(text), expected);
                count += 1;
            }
            assert_eq!(count, map.len());
        }
        Value::Array(items) => {
            let found: Vec<_> = elements(text).map(Result::unwrap).collect();
            assert_eq!(found.len(), items.len());
            for ((span, seen), expected) in found.iter().zip(items) {
                assert_eq!(*seen, kind(expected));
                agrees(span.of(text), expected);
            }
        }
        Value::String(expected) => {
            let content = content(Span::new(0, text.len()), ValueKind::String);
            assert_eq!(unescape(text, content).unwrap(), expected.as_str());
        }
        _ => assert_eq!(text, serde_json::to_vec(value).unwrap()),
    }
}

proptest! {
    #[test]
    fn every_member_of_any_json_is_found(value in value(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_vec_pretty(&value).unwrap()
        } else {
            serde_json::to_vec(&value).unwrap()
        };
        agrees(&text, &value);
    }

    #[test]
    fn what_is_cut_or_changed_ends_in_a_fault_or_in_spans_inside(
        value in value(), cut in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let whole = serde_json::to_vec(&serde_json::json!({ "k": value })).unwrap();
        let place = cut.index(whole.len());
        prop_assert!(members(&whole[..place]).any(|member| member.is_err()));
        let mut changed = whole.clone();
        changed[place] = byte;
        for member in members(&changed).flatten() {
            prop_assert!(member.value.range().end <= changed.len() && !member.value.is_empty());
            let _ = unescape(&changed, member.key);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(members(&bytes).count() <= bytes.len() + 1);
        prop_assert!(elements(&bytes).count() <= bytes.len() + 1);
        let _ = unescape(&bytes, Span::new(0, bytes.len()));
        let _ = u64_value(&bytes);
    }

    #[test]
    fn whole_numbers_are_read_in_every_spelling(number in any::<u64>(), zeros in 0_usize..4) {
        prop_assert_eq!(u64_value(number.to_string().as_bytes()), Some(number));
        let exact = number % (1 << 53);
        let fraction = format!("{exact}.{}", "0".repeat(zeros + 1));
        prop_assert_eq!(u64_value(fraction.as_bytes()), Some(exact));
        let small = exact / 10_u64.pow(zeros as u32);
        let scaled = format!("{small}E+{zeros}");
        prop_assert_eq!(u64_value(scaled.as_bytes()), Some(small * 10_u64.pow(zeros as u32)));
        let shifted = format!("{exact}{}e-{zeros}", "0".repeat(zeros));
        prop_assert_eq!(u64_value(shifted.as_bytes()), Some(exact));
    }
}

#[test]
fn what_is_no_object_is_a_fault_once() {
    #[rustfmt::skip]
    let broken = [
        "", " ", "[]", "1", "\"a\"", "{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1",
        "{\"a\":1,", "{\"a\":1,}", "{,}", "{\"a\" 1}", "{\"a\":1 \"b\":2}", "{a:1}", "{1:1}",
        "{\"a\":}", "{\"a\":x}", "{\"a\":tru}", "{\"a\":nul", "{\"a\":[}", "{\"a\":\"\\\"}",
        "{\"a\":-}", "{\"a\":1.}", "{\"a\":01}", "{\"a\":1e}", "{\"a\":+1}", "{\"a\":1}x",
        "{} {}", "{\"a\":1}}", "\u{feff}{}",
    ];
    for text in broken {
        let faults = members(text.as_bytes()).filter(Result::is_err).count();
        assert_eq!(faults, 1, "{text}");
    }
}

#[test]
fn faults_say_where() {
    let fault = |text: &str| members(text.as_bytes()).find_map(Result::err);
    assert_eq!(fault("{\"a\":?}"), Some(JsonFault::Unexpected(5)));
    assert_eq!(fault("{\"a\":1}?"), Some(JsonFault::Unexpected(7)));
    assert_eq!(fault("{\"a\":[1,2"), Some(JsonFault::Truncated));
    assert_eq!(fault("{\"a\":[1,2]}"), None);
}

#[test]
fn a_bomb_of_brackets_is_stepped_over_without_recursion() {
    let mut bomb = b"{\"a\":".to_vec();
    bomb.resize(bomb.len() + 1_000_000, b'[');
    assert_eq!(members(&bomb).next(), Some(Err(JsonFault::Truncated)));
    bomb.resize(bomb.len() + 1_000_000, b']');
    bomb.push(b'}');
    assert_eq!(members(&bomb).flatten().count(), 1);
}

#[test]
fn strings_of_every_length_end_at_their_quote() {
    for len in 0..80 {
        for escape in ["", "\\\"", "\\\\", "\\u0022"] {
            let text = format!("{{\"k\":\"{}{escape}\",\"l\":\"{escape}\"}}", "x".repeat(len));
            let found: Vec<_> = members(text.as_bytes()).map(Result::unwrap).collect();
            assert_eq!(found.len(), 2, "{text}");
            assert_eq!(found[0].value.len(), len + escape.len() + 2);
        }
    }
}

#[test]
fn escapes_are_decoded_or_refused() {
    let decode = |text: &str| {
        let content = Span::new(0, text.len());
        unescape(text.as_bytes(), content).map(std::borrow::Cow::into_owned)
    };
    assert_eq!(decode(r#"\"\\\/\b\f\n\r\t\u00e9"#).unwrap(), "\"\\/\u{8}\u{c}\n\r\té");
    assert_eq!(decode("\\ud83d\\ude00!").unwrap(), "😀!");
    assert_eq!(decode("\\ud83dx\\ude00").unwrap(), "\u{fffd}x\u{fffd}");
    assert_eq!(decode("\\ud83d\\ud83d\\ude00").unwrap(), "\u{fffd}😀");
    for broken in ["\\", "\\x", "\\u12", "\\u12g4", "\\u+123", "\\u00é"] {
        assert_eq!(decode(broken), Err(JsonFault::Escape), "{broken}");
    }
    assert_eq!(unescape(b"\xff", Span::new(0, 1)), Err(JsonFault::NotUtf8));
}

#[test]
fn only_whole_numbers_are_counts() {
    let table: [(&str, Option<u64>); 22] = [
        ("0", Some(0)),
        ("12.0", Some(12)),
        ("1e3", Some(1000)),
        ("1.5e1", Some(15)),
        ("120e-1", Some(12)),
        ("0e999999999999", Some(0)),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", None),
        ("9007199254740992.0", None),
        ("1.5", None),
        ("1e-1", None),
        ("1e999", None),
        ("1e99999999999999999999", None),
        ("-1", None),
        ("-0", None),
        ("01", None),
        ("+1", None),
        ("1.", None),
        ("", None),
        (" 1", None),
        ("\"1\"", None),
        ("null", None),
    ];
    for (text, expected) in table {
        assert_eq!(u64_value(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn keys_are_found_in_any_spelling() {
    let text = br#"{"mod\u0065l":"x","model2":1}"#;
    let found: Vec<_> = members(text).map(Result::unwrap).collect();
    assert!(found[0].is(text, "model") && !found[1].is(text, "model"));
    assert_eq!(found[0].content().of(text), b"x");
}

#[test]
fn a_cursor_goes_in_and_out_and_on() {
    let text = br#" {"a":[ ],"b":[{"c":1,"d":[2]},"e" ] , "f":{} } "#;
    let mut cursor = Cursor::new(text);
    let mut seen = Vec::new();
    cursor.enter().unwrap();
    while let Some(key) = cursor.next_key().unwrap() {
        seen.push(key.of(text).to_vec());
        if cursor.peek() != Some(ValueKind::Array) {
            cursor.skip().unwrap();
            continue;
        }
        cursor.enter().unwrap();
        while cursor.next_item().unwrap() {
            seen.push(cursor.skip().unwrap().0.of(text).to_vec());
        }
    }
    cursor.end().unwrap();
    let expected: [&[u8]; 5] = [b"a", b"b", br#"{"c":1,"d":[2]}"#, br#""e""#, b"f"];
    assert_eq!(seen, expected);
    let value = members(text).flatten().next().unwrap().value;
    let mut behind = Cursor::behind(text, value.range().end);
    assert_eq!(behind.next_key().unwrap().unwrap().of(text), b"b");
}

#[test]
fn a_cursor_moved_as_the_text_does_not_allow_says_so() {
    assert_eq!(Cursor::new(b"1").enter(), Err(JsonFault::Unexpected(0)));
    assert_eq!(Cursor::new(b"").enter(), Err(JsonFault::Truncated));
    assert_eq!(Cursor::behind(b"1]", 1).next_key(), Err(JsonFault::Unexpected(1)));
    assert_eq!(Cursor::behind(b"1", 9).next_item(), Err(JsonFault::Truncated));
    for text in ["{,\"a\":1}", "{\"a\":1,}", "{1}", "{]"] {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.enter().unwrap();
        let mut walked = cursor.next_key();
        while let Ok(Some(_)) = walked {
            cursor.skip().unwrap();
            walked = cursor.next_key();
        }
        assert!(walked.is_err(), "{text}");
    }
}

#[test]
fn plain_text_ends_where_a_string_may_end_or_be_escaped() {
    for byte in 0..=u8::MAX {
        let ends = byte < b' ' || byte == b'"' || byte == b'\\';
        for length in 0..20 {
            let text = [&vec![b'x'; length][..], &[byte], "é~\u{7f}!abcdefghi".as_bytes()].concat();
            let expected = if ends { &text[..length] } else { &text[..] };
            assert_eq!(plain_text(&text), expected, "{byte} behind {length}");
        }
    }
}
