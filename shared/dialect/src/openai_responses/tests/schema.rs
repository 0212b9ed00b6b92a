//! Values against the schemas of OpenAI's own document, as far as those schemas go here.
//!
//! Left out on purpose: formats, patterns and bounds; of alternatives one at least must fit.

use std::path::Path;

use serde_json::Value;

/// OpenAI's document.
pub(super) struct Document(Value);

impl Document {
    /// Reads it; `None`, and a word why, where it is not there.
    pub(super) fn open() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec");
        let Ok(text) = std::fs::read(folder.join("openai-openapi.json")) else {
            eprintln!("skipped: no openai-openapi.json in {}", folder.display());
            return None;
        };
        Some(Self(serde_json::from_slice(&text).unwrap()))
    }

    /// Why a value does not fit the schema of this name.
    pub(super) fn check(&self, name: &str, value: &Value) -> Result<(), String> {
        self.fits(self.named(name), value, name)
    }

    fn named(&self, name: &str) -> &Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "the document has no {name}");
        schema
    }

    fn fits(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        if let Some(target) = schema["$ref"].as_str() {
            let name = target.rsplit('/').next().unwrap();
            return self.fits(self.named(name), value, &format!("{at}({name})"));
        }
        for all in schema["allOf"].as_array().into_iter().flatten() {
            self.fits(all, value, at)?;
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(options) = schema[word].as_array() {
                let tried: Vec<_> = options.iter().map(|it| self.fits(it, value, at)).collect();
                if tried.iter().all(Result::is_err) {
                    let told = tried.into_iter().filter_map(Result::err);
                    let told: Vec<_> = told.filter(|it| !it.contains("not one of")).collect();
                    return Err(format!("{at}: fits no option: {}", told.join("; ")));
                }
            }
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.contains(value)
        {
            return Err(format!("{at}: {value} is not one of {words:?}"));
        }
        self.fits_type(schema, value, at)
    }

    fn fits_type(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let is_right = match schema["type"].as_str() {
            Some("string") => value.is_string(),
            Some("integer") => value.is_u64() || value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some("array") => value.is_array(),
            Some("object") => value.is_object(),
            Some("null") => value.is_null(),
            _ => true,
        };
        if !is_right {
            return Err(format!("{at}: {value} is no {}", schema["type"]));
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            if value.is_object() && value.get(name).is_none() {
                return Err(format!("{at}: lacks {name}"));
            }
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            if let Some(member) = value.get(name) {
                self.fits(schema, member, &format!("{at}.{name}"))?;
            }
        }
        for item in value.as_array().into_iter().flatten().filter(|_| schema["items"].is_object()) {
            self.fits(&schema["items"], item, &format!("{at}[]"))?;
        }
        Ok(())
    }
}
