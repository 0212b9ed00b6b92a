//! JSON values that pass and texts that do not, by part of the grammar; keys that stand twice.

/// Values that RFC 8259 allows and every reader can hold.
#[rustfmt::skip]
pub(super) const ACCEPTED: &[&[u8]] = &[
    b"null", b"true", b"false", b"\"\"", b"[]", b"{}", b" [ ] ", b"\t{\r}\n",
    b"0", b"-0", b"-0.0", b"1", b"-1", b"10", b"0.5", b"1.25", b"1e3", b"1E3", b"1e+3", b"1e-3",
    b"0e0", b"0E+1", b"1.5e10", b"1e308", b"-1e308", b"1e-400", b"123456789012345678",
    b"18446744073709551615", b"-9223372036854775808", b"9007199254740993",
    b"3.141592653589793238462643383279",
    b"\"a\"", b"\"\\\"\"", b"\"\\\\\"", b"\"\\/\\b\\f\\n\\r\\t\"", b"\"\\u0000\"", b"\"\\u00e9\"",
    b"\"\\uD83D\\uDE00\"", b"\"\\ud83d\\udE00x\"", "\"é\u{10ffff}\"".as_bytes(), b"\"\x7f\"",
    "\"\u{2028}\u{2029}\"".as_bytes(), b"\"/\"", b"\"[{,:\"",
    b"[1]", b"[1,2]", b"[[],[[]]]", b"[null,true,\"x\"]", b"[ 1 , 2 ]", b"[{}]",
    b"{\"\":0}", b"{\"a\":{\"a\":{}}}", b"{\"a\":1,\"a\":2}",
    b"{\"\\u0000\":1}", b"{ \"a\" : [ ] }",
];

/// Texts that are not JSON, or that no reader can hold.
#[rustfmt::skip]
pub(super) const REFUSED: &[&[u8]] = &[
    // Words and white space.
    b"", b"nul", b"nulll", b"True", b"TRUE", b"truefalse", b"NaN", b"Infinity", b"-Infinity",
    b"undefined", b"a", b"'a'", b"\x0c1", b"\xc2\xa01", b"/**/1", b"1//x", b"#1", b"\0", b"1\0",
    // Numbers.
    b"-", b"+1", b"01", b"-01", b"00", b"1.", b".5", b"-.5", b"1.e3", b"1e", b"1e+", b"1E-",
    b"1.5e", b"0x10", b"1_000", b"1 2", b"1a", b"--1", b"1-2", b"1.2.3", b"1e3.5", b"0e", b"- 1",
    "\u{ff11}".as_bytes(), b"1e999", b"-1e999", b"18446744073709551616", b"-9223372036854775809",
    // Strings.
    b"\"", b"\"a", b"\"\\\"", b"\"\\", b"\"\\x\"", b"\"\\'\"", b"\"\\u12\"", b"\"\\u12g4\"",
    b"\"\\U1234\"", b"\"\\u+123\"", b"\"\n\"", b"\"\t\"", b"\"\0\"", b"\"\x1f\"", b"\"a\" \"b\"",
    b"\"\\\n\"", b"\"\\ud800\"", b"\"\\udc00\"", b"\"\\ud800\\ud800\"", b"\"\\ud800\\u0041\"",
    b"\"\xff\"", b"\"\xc0\xaf\"", b"\"\xed\xa0\x80\"", b"\"\xf4\x90\x80\x80\"", b"\"\xe2\x82\"",
    b"\xff", b"\"\x80\"",
    // Arrays.
    b"[", b"]", b"[1", b"[1,", b"[1,]", b"[,1]", b"[,]", b"[1,,2]", b"[1 2]", b"[1}", b"[1]]",
    b"[1:2]", b"[a]", b"[\"a\"", b"[-]", b"[tru]", b"[1,\n", b"[\"a\":1]", b"[[1]", b"[,",
    // Objects.
    b"{", b"}", b"{\"a\"}", b"{\"a\":}", b"{\"a\":1", b"{\"a\":1,", b"{\"a\":1,}", b"{,}",
    b"{,\"a\":1}",
    b"{\"a\" 1}", b"{\"a\"::1}", b"{\"a\":1 \"b\":2}", b"{\"a\":1,,\"b\":2}", b"{a:1}", b"{1:1}",
    b"{'a':1}", b"{\"a\":1]", b"{[]:1}", b"{null:1}", b"{\"a\":1}}", b"{\"a\",1}", b"{\"a\":1:2}",
    b"{\"a\n\":1}", b"{\"a\\x\":1}", b"{}{}", b"{};",
];

/// Bodies, and the key that stands twice where that is refused.
#[rustfmt::skip]
pub(super) const DUPLICATES: &[(&str, Option<&str>)] = &[
    (r#"{"model":1,"n":2,"stream":3}"#, None),
    (r#"{"model":1,"model":1}"#, Some("model")),
    (r#"{"model":1,"n":2,"x":3,"model":4}"#, Some("model")),
    (r#"{"model":1,"mod\u0065l":2}"#, Some("model")),
    (r#"{"\u006dodel":1,"\u006Dodel":2}"#, Some("model")),
    (r#"{"x":1,"a\/b":1,"a/b":2}"#, Some("a/b")),
    (r#"{"model":1,"Model":2}"#, Some("model")),
    (r#"{"MAX_TOKENS":1,"max_tokens":2}"#, Some("MAX_TOKENS")),
    (r#"{"max_tokens":1,"max_to\u212Aens":2}"#, Some("max_tokens")),
    (r#"{"stream":1,"ſtream":2}"#, Some("stream")),
    (r#"{"":1,"":2}"#, Some("")),
    (r#"{"a":1,"a ":2," a":3,"aa":4,"é":5,"É":6}"#, None),
    (r#"{"é":5,"\u00e9":6}"#, Some("é")),
    (r#"{"max_tokens":1,"maxTokens":2}"#, None),
    // Only where it decides.
    (r#"{"messages":[{"role":1,"role":2}],"tools":{"a":1,"a":2}}"#, None),
    (r#"{"metadata":{"provider":{"a":1,"a":2}}}"#, None),
    (r#"{"stream_options":{"include_usage":true,"include_usage":false}}"#, Some("include_usage")),
    (r#"{"reasoning":{"effort":1,"max_tokens":2}}"#, None),
    (r#"{"reasoning":{"effort":1,"Effort":2}}"#, Some("effort")),
    (r#"{"provider":{"max_price":{"prompt":1,"\u0070rompt":2}}}"#, Some("prompt")),
    (r#"{"provider":{"order":["a","a"],"only":["a"]}}"#, None),
    (r#"{"provider":{"a":{"x":1},"b":{"x":1}}}"#, None),
    (r#"{"provider":{"a":{"a":{"a":1}}}}"#, None),
    (r#"{"provider":{"x":1,"a":{"y":2},"x":3}}"#, Some("x")),
    (r#"{"provider":[{"x":1},{"x":1}]}"#, None),
    (r#"{"provider":[1,[{"x":1,"x":2}]]}"#, Some("x")),
    (r#"{"rout\u0069ng":{"a":1,"a":2}}"#, Some("a")),
    (r#"{"routing":"{\"a\":1,\"a\":2}"}"#, None),
    (r#"{"routing":{"a":"\"a\":1","b":"a"}}"#, None),
];
