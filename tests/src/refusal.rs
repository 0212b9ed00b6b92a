//! What a refusal must look like, whatever was refused: form, code, and what a client should do.

use serde_json::Value;

use crate::client::Answer;

/// The dialect of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `/v1`: the code is a name.
    OpenAi,
    /// `/api/v1`: the code is the status, the name stands in `metadata.error_type`.
    OpenRouter,
}

impl Form {
    /// The dialect of a path.
    pub fn of(path: &str) -> Self {
        if path.starts_with("/api/v1/") { Self::OpenRouter } else { Self::OpenAi }
    }

    /// Checks an error object; answers it.
    #[track_caller]
    pub fn check_error(self, body: &Value, status: u16, code: &str) -> Value {
        let error = &body["error"];
        match self {
            Self::OpenAi => assert_eq!(error["code"], code, "{body}"),
            Self::OpenRouter => {
                assert_eq!(error["code"], status, "{body}");
                assert_eq!(error["metadata"]["error_type"], code, "{body}");
            }
        }
        for name in ["message", "type"] {
            assert!(error[name].as_str().is_some_and(|text| !text.is_empty()), "{name}: {body}");
        }
        assert!(error.get("param").is_some_and(|param| param.is_null() || param.is_string()));
        error.clone()
    }
}

/// Checks a refused request as far as all refusals are alike; answers its error object.
#[track_caller]
pub fn check_refusal(answer: &Answer, form: Form, status: u16, code: &str) -> Value {
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status(), status, "{text}");
    assert_eq!(answer.cut, None, "{text}");
    let header = |name: &str| answer.head.header(name);
    assert_eq!(header("content-type"), Some("application/json"), "{text}");
    assert!(header("x-request-id").is_some_and(|id| !id.is_empty()), "{text}");
    let error = form.check_error(&answer.json(), status, code);
    let pause = header("retry-after").map(|seconds| seconds.parse::<u64>().expect("seconds"));
    if matches!(status, 429 | 503) {
        assert!(pause.is_some_and(|seconds| seconds >= 1), "{pause:?}: {text}");
    } else {
        assert_eq!(pause, None, "{text}");
    }
    let retry = (status == 402).then_some("false");
    assert_eq!(header("x-should-retry"), retry, "{text}");
    if status == 503 {
        assert!(error["origin"] == "gateway" || error["origin"] == "upstream", "{text}");
    }
    if matches!(status, 502 | 504) {
        assert_eq!(error["origin"], "upstream", "{text}");
    }
    error
}
