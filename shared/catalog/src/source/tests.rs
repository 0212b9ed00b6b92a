//! Lines of mistakes, and rows that read back from what was written.

use super::*;

const GOOD: &str = r#"
[[provider]]
id = "acme"
dialect = "openai"
base_url = "https://api.acme.test/v1"
api_keys = ["env:ACME_KEY"]

[[model]]
id = "acme/one"
context = 1000
  [[model.endpoint]]
  provider = "acme"
  model = "one-v1"
  list = { input = "1.25", output = "10" }

[[tier]]
id = "house/low"
models = ["acme/one"]
"#;

/// What is said about `GOOD` with one text in it replaced.
fn said(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    let text = GOOD.replacen(from, to, 1);
    let complaints = compile_toml(&text, "catalog.toml", &CompileOptions::default()).unwrap_err();
    complaints.iter().map(ToString::to_string).collect()
}

#[test]
fn a_good_text_compiles_without_a_word() {
    let (rows, compiled) = compile_toml(GOOD, "x", &CompileOptions::default()).unwrap();
    assert_eq!((rows.provider.len(), rows.model.len(), rows.tier.len()), (1, 1, 1));
    assert_eq!(compiled.warnings, []);
}

#[test]
fn each_mistake_is_said_with_file_line_and_remedy() {
    let cases = [
        ("api_keys =", "api_key =", "catalog.toml:6: unknown field `api_key`"),
        ("context = 1000", "context = \"many\"", "catalog.toml:10: invalid type"),
        ("context = 1000\n", "", "catalog.toml:8: missing field `context`; add context"),
        ("\"1.25\"", "1.25", "catalog.toml:14: invalid type: floating point `1.25`"),
        ("\"1.25\"", "\"1,25\"", "catalog.toml:14: the price \"1,25\""),
        ("\"1.25\"", "\"0.00000001\"", "catalog.toml:14: the price"),
        ("input = \"1.25\", ", "", "catalog.toml:14: missing field `input`; add input"),
        ("output =", "outptu =", "catalog.toml:14: unknown field `outptu`"),
        ("dialect = \"openai\"", "dialect = \"cobol\"", "catalog.toml:4: unknown variant `cobol`"),
        ("[[tier]]", "[[teir]]", "catalog.toml:16: the key \"teir\" is unknown"),
        ("[[tier]]", "[tier]", "catalog.toml:16: \"tier\" is not an array of tables"),
        ("id = \"acme\"", "id = \"acme", "catalog.toml:3: this is not TOML"),
        ("https://", "http://", "catalog.toml:5: provider \"acme\": \"http://"),
        ("id = \"acme/one\"", "id = \"one\"", "catalog.toml:9: the model id"),
        (
            "provider = \"acme\"",
            "provider = \"a\"",
            "catalog.toml:12: model \"acme/one\": the prov",
        ),
        (
            "output = \"10\" }",
            "output = \"10\", above = [{ input_tokens = 0 }] }",
            "catalog.toml:14: prices above an input of zero",
        ),
        ("  list = { input = \"1.25\", output = \"10\" }\n", "", "catalog.toml:11: model"),
        ("[\"acme/one\"]", "[\n  \"acme/one\",\n  \"acme/two\",\n]", "catalog.toml:20: tier"),
    ];
    for (from, to, expected) in cases {
        let said = said(from, to);
        assert!(said[0].starts_with(expected), "{from} -> {to} said: {said:#?}");
        assert!(said[0].contains("; "), "no remedy: {}", said[0]);
    }
}

#[test]
fn one_bad_table_does_not_hide_the_next() {
    let text = GOOD.replace("api_keys", "api_kyes").replace("context", "contxt");
    let complaints = parse_toml(&text, "c.toml").unwrap_err();
    let lines: Vec<_> = complaints.iter().map(|complaint| complaint.line).collect();
    assert_eq!(lines, [Some(6), Some(10)]);
}

#[test]
fn a_warning_has_its_line_too() {
    let text = GOOD.replace("api_keys = [\"env:ACME_KEY\"]", "");
    let (_, compiled) = compile_toml(&text, "c.toml", &CompileOptions::default()).unwrap();
    assert!(compiled.warnings[0].to_string().starts_with("c.toml:2: provider \"acme\" has no"));
}

/// Every key of every row with a value that is not its default, and texts that need escapes.
const FULL: &str = r#"{
  "provider": [{"id": "p", "dialect": "gemini", "base_url": "http://10.0.0.1/x",
    "api_keys": ["env:A", "file:/run/k\"ey\u007f"], "allow_private": true,
    "on_client_abort": "drain", "output_cap_field": "max_tokens", "stream_usage": false,
    "cache_included": false, "input_overhead": 3, "data_collection": false, "zdr": true,
    "part_tokens": {"image": 1, "audio": 2, "file": 3}, "region": "eu"}],
  "model": [{"id": "a/b/c", "name": "B\\ \u0001\nC\u00e9", "kind": "embedding", "context": 9,
    "max_output": 8, "input_modalities": ["text", "image"], "output_modalities": ["text"],
    "parameters": ["tools"], "created": 1, "description": "d", "listed": false,
    "endpoint": [{"provider": "p", "model": "m", "context": 7, "max_output": 6,
      "tag": "t", "data_collection": true, "zdr": false, "region": "us", "quantization": "nvfp4",
      "parameters": [], "weight": 2,
      "list": {"input": "1", "output": "2", "cache_read": "3", "cache_write": "4",
        "cache_write_1h": "5", "reasoning": "6", "image_input": "7", "image_output": "8",
        "audio_input": "9", "audio_output": "10", "search": "11", "request": "12",
        "above": [{"input_tokens": 1, "input": "0.000001"}, {"input_tokens": 2}],
        "service_tier": {"flex": {"output": "1", "above": [{"input_tokens": 5, "request": "1"}]},
          "odd name": {}}},
      "price": {"input": "0", "output": "18446744073709.551615"}}]}],
  "tier": [{"id": "t/l", "status": "planned", "level": "l", "model_family": "f", "use_case": "u",
    "band": ["0.02", "0.2"], "rpm": 60, "models": ["a/b/c"]}]
}"#;

#[test]
fn rows_read_back_from_what_was_written() {
    let full: CatalogRows = serde_json::from_str(FULL).unwrap();
    let text = to_toml(&full);
    assert_eq!(parse_toml(&text, "written.toml").unwrap(), full, "{text}");
    let good = parse_toml(GOOD, "good.toml").unwrap();
    assert_eq!(parse_toml(&to_toml(&good), "written.toml").unwrap(), good);
    let json = serde_json::to_string(&full).unwrap();
    assert_eq!(serde_json::from_str::<CatalogRows>(&json).unwrap(), full);
}
