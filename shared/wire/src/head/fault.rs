//! Why a head was refused, and with what status a server says so.
//!
//! After any of these the connection has to be closed: where the next message begins is unknown.

use std::fmt;

/// Why bytes can never become an acceptable head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeadFault {
    /// A line ends in a lone CR or LF.
    LineEnd,
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The status line is not `version SP status`.
    StatusLine,
    /// The target is none of the accepted forms.
    Target,
    /// The target's authority is not the host's.
    OtherAuthority,
    /// A field name is empty, not a token, or has white space around it, as a folded line does.
    FieldName,
    /// A field value has a control byte.
    FieldValue,
    /// Host is missing, repeated, or not one host.
    Host,
    /// Content-Length is repeated or not 1 to 19 digits.
    ContentLength,
    /// Transfer-Encoding is repeated, malformed, not last `chunked`, or on HTTP/1.0.
    TransferEncoding,
    /// Both Content-Length and Transfer-Encoding.
    TwoFramings,
    /// An expectation other than `100-continue`.
    Expect,
    /// More bytes than the limit.
    TooLong,
    /// More fields than the limit.
    TooManyFields,
    /// A method that we do not know.
    UnknownMethod,
    /// A transfer coding that we do not know.
    UnknownCoding,
    /// An HTTP version other than 1.0 and 1.1.
    Version,
}

impl HeadFault {
    /// The status with which an HTTP server answers such a request.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Expect => 417,
            Self::TooLong | Self::TooManyFields => 431,
            Self::UnknownMethod | Self::UnknownCoding => 501,
            Self::Version => 505,
            _ => 400,
        }
    }

    /// The fault behind the tokeniser's error in a request head; `None` while it is about a version
    /// that is not all there.
    pub(super) fn of_request(error: httparse::Error, head: &[u8]) -> Option<Self> {
        let fault = match error {
            httparse::Error::Version => {
                let end = memchr::memchr2(b'\r', b'\n', head)?;
                if asks_for_a_version(&head[..end]) { Self::Version } else { Self::RequestLine }
            }
            httparse::Error::Token => Self::RequestLine,
            other => Self::of_fields(other),
        };
        Some(fault)
    }

    /// The fault behind the tokeniser's error in a response head.
    pub(super) fn of_response(error: httparse::Error, head: &[u8]) -> Self {
        match error {
            httparse::Error::Version if names_a_version(head.get(..8).unwrap_or_default()) => {
                Self::Version
            }
            httparse::Error::Status | httparse::Error::Token | httparse::Error::Version => {
                Self::StatusLine
            }
            other => Self::of_fields(other),
        }
    }

    fn of_fields(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::FieldName,
            httparse::Error::HeaderValue => Self::FieldValue,
            httparse::Error::TooManyHeaders => Self::TooManyFields,
            _ => Self::LineEnd,
        }
    }
}

/// Whether `text` is a well-formed version; one that the tokeniser refused we do not speak.
fn names_a_version(text: &[u8]) -> bool {
    match text {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] => {
            major.is_ascii_digit() && minor.is_ascii_digit()
        }
        _ => false,
    }
}

/// Whether a request line is sound but for the version that it asks for.
fn asks_for_a_version(line: &[u8]) -> bool {
    let mut parts = line.split(|byte| *byte == b' ');
    let version = parts.nth(2);
    parts.next().is_none() && version.is_some_and(names_a_version)
}

impl fmt::Display for HeadFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LineEnd => "a line of the head does not end in CR LF",
            Self::RequestLine => "the request line is malformed",
            Self::StatusLine => "the status line is malformed",
            Self::Target => "the request target is malformed or of a form that is not served",
            Self::OtherAuthority => "the request target names another host than Host does",
            Self::FieldName => "a header field's name is malformed",
            Self::FieldValue => "a header field's value has a control character",
            Self::Host => "exactly one well-formed Host field is required",
            Self::ContentLength => "Content-Length must stand once, as 1 to 19 digits",
            Self::TransferEncoding => "Transfer-Encoding must stand once, as chunked, in HTTP/1.1",
            Self::TwoFramings => "Content-Length and Transfer-Encoding exclude each other",
            Self::Expect => "only the expectation 100-continue is met",
            Self::TooLong => "the head is too long",
            Self::TooManyFields => "the head has too many fields",
            Self::UnknownMethod => "the method is not known here",
            Self::UnknownCoding => "the transfer coding is not known here",
            Self::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
        })
    }
}

impl std::error::Error for HeadFault {}
