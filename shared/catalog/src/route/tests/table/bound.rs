//! Requests that only one kind of model, one dialect or one place can serve.

use super::X;

/// The rows of the table.
pub(super) const BOUND: &[(&str, &str)] = &[
    ("m=a/embed vectors", "embed@mid"),
    ("m=a/x vectors", "!kind"),
    ("m=auto vectors", "embed@mid"),
    ("m=a/embed vectors tokens=1001", "!context_length"),
    ("m=a/embed vectors tokens=1001 inputs=2", "embed@mid"),
    ("m=a/embed vectors text=9000", "!context_length"),
    ("m=a/embed vectors text=9000 inputs=2048", "embed@mid"),
    ("m=a/x openai", X),
    ("m=a/x at=mid", "x@mid"),
    ("m=a/x at=mid/x-m", "x@mid"),
    ("m=a/x at=mid/x-d", "unknown"),
    ("m=a/x at=off", "unknown"),
    ("m=a/x at=mid ignore=mid", "!provider.ignore"),
    ("m=a/x at=mid only=dear", "!provider.only"),
];
