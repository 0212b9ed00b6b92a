//! HTTP/1.1 message heads (RFC 9112), read strictly.
//!
//! Purpose: from bytes to a checked head: method, target, framing, keep-alive and the fields'
//! places. Two parties that read one message differently are how requests are smuggled, so whatever
//! RFC 9112 lets a recipient repair is refused here: lone CR or LF, folded lines, white space
//! around names, more than one way to tell a body's length.
//! Invariants: a head that parsed has exactly one framing; its target is in origin form (or `*`);
//! its host was checked; all spans lie in the head. No head costs an allocation up to 32 fields.
//! Left out on purpose: what fields mean beyond framing and connection; percent-decoding; CONNECT
//! and upgrades, which a gateway does not serve.

mod facts;
mod fault;
mod fields;
mod lines;
mod target;
#[cfg(test)]
mod tests;

use std::mem::MaybeUninit;

use crate::span::Span;
use facts::Facts;
pub use fault::HeadFault;
use fields::Fields;
pub(crate) use lines::is_token_byte;

/// Most fields that any limit allows.
const FIELDS_MAX: usize = 128;
/// Most bytes of a head that any limit allows: field offsets are kept in 16 bits.
const BYTES_MAX: usize = u16::MAX as usize;

/// What a parser made of bytes that were not broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed<T> {
    /// All of it is there.
    Complete(T),
    /// It is not broken so far, and not complete: read more and ask again.
    Partial,
}

/// How large a head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes from the first to the blank line's end; at most 65,535 whatever is said here.
    pub bytes: usize,
    /// Header fields; at most 128 whatever is said here.
    pub fields: usize,
}

impl Default for HeadLimits {
    /// 32 KiB and 100 fields.
    fn default() -> Self {
        Self { bytes: 32 * 1024, fields: 100 }
    }
}

impl HeadLimits {
    /// The part of `buf` in which a head has to end.
    fn window<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        &buf[..buf.len().min(self.bytes).min(BYTES_MAX)]
    }

    /// Room for as many fields as a head may have.
    fn slots<'s, T>(&self, slots: &'s mut [T; FIELDS_MAX]) -> &'s mut [T] {
        &mut slots[..self.fields.min(FIELDS_MAX)]
    }

    /// What a head that did not end in its window is: too long once the window is full.
    fn partial<T>(&self, buf: &[u8]) -> Result<Parsed<T>, HeadFault> {
        if buf.len() < self.bytes.min(BYTES_MAX) {
            Ok(Parsed::Partial)
        } else {
            Err(HeadFault::TooLong)
        }
    }
}

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
    /// `OPTIONS`
    Options,
    /// Any other; no parsed request has it, they are refused with [`HeadFault::UnknownMethod`].
    Other,
}

impl Method {
    /// The method named by `token`; methods are case-sensitive (RFC 9110 9.1).
    pub fn of(token: &[u8]) -> Self {
        match token {
            b"GET" => Self::Get,
            b"HEAD" => Self::Head,
            b"POST" => Self::Post,
            b"PUT" => Self::Put,
            b"PATCH" => Self::Patch,
            b"DELETE" => Self::Delete,
            b"OPTIONS" => Self::Options,
            _ => Self::Other,
        }
    }
}

/// How the end of a message's body is found (RFC 9112 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body.
    None,
    /// So many bytes follow.
    Length(u64),
    /// Chunks follow, up to the empty one.
    Chunked,
    /// Everything up to the connection's end; responses only.
    UntilClose,
}

/// A checked request head.
#[derive(Clone, Debug)]
pub struct RequestHead {
    /// The method, one of those we know.
    pub method: Method,
    /// Where the method stands.
    pub method_span: Span,
    /// The target in origin form: path and query; `*` for some OPTIONS.
    pub target: Span,
    /// The digit after `HTTP/1.`: 0 or 1.
    pub minor_version: u8,
    /// Where the body ends; never [`Framing::UntilClose`].
    pub framing: Framing,
    /// Whether the client wants to use the connection again.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// Bytes of the head, the blank line included.
    pub len: usize,
    fields: Fields,
}

impl RequestHead {
    /// Reads the request head at the front of `buf`.
    ///
    /// # Errors
    /// A [`HeadFault`] if the bytes can never become an acceptable head; answer it with
    /// [`HeadFault::status`] and close.
    pub fn parse(buf: &[u8], limits: &HeadLimits) -> Result<Parsed<Self>, HeadFault> {
        lines::begins_a_request(buf)?;
        let window = limits.window(buf);
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut raw = httparse::Request::new(&mut []);
        match raw.parse_with_uninit_headers(window, limits.slots(&mut slots)) {
            Ok(httparse::Status::Complete(len)) => {
                Self::check(&window[..len], &raw).map(Parsed::Complete)
            }
            Ok(httparse::Status::Partial) => limits.partial(buf),
            Err(error) => match HeadFault::of_request(error, window) {
                Some(fault) => Err(fault),
                None => limits.partial(buf),
            },
        }
    }

    /// The first field called `name` (given in lower case), without white space around it.
    pub fn header<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b [u8]> {
        self.fields.get(buf, name)
    }

    /// Every field in order: name as it was written, value without white space around it.
    pub fn headers<'b>(&self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.fields.iter(buf)
    }

    /// The target up to its query.
    pub fn path<'b>(&self, buf: &'b [u8]) -> &'b [u8] {
        target::split(self.target.of(buf)).0
    }

    /// The target after its `?`.
    pub fn query<'b>(&self, buf: &'b [u8]) -> Option<&'b [u8]> {
        target::split(self.target.of(buf)).1
    }

    fn check(head: &[u8], raw: &httparse::Request<'_, '_>) -> Result<Self, HeadFault> {
        let (Some(method), Some(target), Some(minor_version)) = (raw.method, raw.path, raw.version)
        else {
            return Err(HeadFault::RequestLine);
        };
        lines::check_ends(head, raw.headers)?;
        let known = Method::of(method.as_bytes());
        if known == Method::Other {
            return Err(HeadFault::UnknownMethod);
        }
        let facts = Facts::gather(raw.headers);
        let host = facts.host(minor_version)?;
        let target = target::origin_form(known, target.as_bytes(), host)?;
        Ok(Self {
            method: known,
            method_span: Span::new(0, method.len()),
            target: place(head, target),
            minor_version,
            framing: facts.request_framing(minor_version)?,
            keep_alive: facts.keep_alive(minor_version),
            expect_continue: facts.expect_continue(minor_version)?,
            len: head.len(),
            fields: Fields::of(head, raw.headers),
        })
    }
}

/// A checked response head.
#[derive(Clone, Debug)]
pub struct ResponseHead {
    /// The status, 100 to 999.
    pub status: u16,
    /// The digit after `HTTP/1.`: 0 or 1.
    pub minor_version: u8,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the server keeps the connection, once the body has been read to its end.
    pub keep_alive: bool,
    /// Bytes of the head, the blank line included.
    pub len: usize,
    fields: Fields,
}

impl ResponseHead {
    /// Reads the response head at the front of `buf`.
    ///
    /// An interim response (status below 200) is returned like any other, without a body: the
    /// final one follows.
    ///
    /// # Errors
    /// A [`HeadFault`] if the bytes can never become an acceptable head: the connection is useless.
    pub fn parse(
        buf: &[u8],
        limits: &HeadLimits,
        request_was_head: bool,
    ) -> Result<Parsed<Self>, HeadFault> {
        lines::begins_a_response(buf)?;
        let window = limits.window(buf);
        let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut raw = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut raw,
            window,
            limits.slots(&mut slots),
        );
        match parsed {
            Ok(httparse::Status::Complete(len)) => {
                Self::check(&window[..len], &raw, request_was_head).map(Parsed::Complete)
            }
            Ok(httparse::Status::Partial) => limits.partial(buf),
            Err(error) => Err(HeadFault::of_response(error, window)),
        }
    }

    /// The first field called `name` (given in lower case), without white space around it.
    pub fn header<'b>(&self, buf: &'b [u8], name: &str) -> Option<&'b [u8]> {
        self.fields.get(buf, name)
    }

    /// Every field in order: name as it was written, value without white space around it.
    pub fn headers<'b>(&self, buf: &'b [u8]) -> impl Iterator<Item = (&'b [u8], &'b [u8])> {
        self.fields.iter(buf)
    }

    fn check(
        head: &[u8],
        raw: &httparse::Response<'_, '_>,
        request_was_head: bool,
    ) -> Result<Self, HeadFault> {
        let (Some(status @ 100..=999), Some(minor_version)) = (raw.code, raw.version) else {
            return Err(HeadFault::StatusLine);
        };
        lines::check_ends(head, raw.headers)?;
        let facts = Facts::gather(raw.headers);
        let framing = facts.response_framing(minor_version, status, request_was_head)?;
        Ok(Self {
            status,
            minor_version,
            framing,
            keep_alive: framing != Framing::UntilClose && facts.keep_alive(minor_version),
            len: head.len(),
            fields: Fields::of(head, raw.headers),
        })
    }
}

/// Where `part`, which was sliced from `head`, stands in it.
fn place(head: &[u8], part: &[u8]) -> Span {
    let start = part.as_ptr().addr().saturating_sub(head.as_ptr().addr());
    Span::new(start, start + part.len())
}
