//! What a head says about its own body and connection.
//!
//! One pass over the fields gathers the few that decide framing, host and reuse; the rules of
//! RFC 9112 6 and 9.3 are then applied to what was gathered. Whatever could be read in two ways
//! (two lengths, a length and a coding, a list of codings) is refused, identical repeats included.

use super::target::is_host;
use super::{Framing, HeadFault, is_token_byte};

/// A field that may stand once: how often it stood, and its first value.
#[derive(Clone, Copy, Default)]
struct Single<'b> {
    times: u16,
    value: &'b [u8],
}

impl<'b> Single<'b> {
    fn see(&mut self, value: &'b [u8]) {
        if self.times == 0 {
            self.value = value;
        }
        self.times += 1;
    }

    /// The value, if the field stood at all; `fault` if it stood more than once.
    fn one(&self, fault: HeadFault) -> Result<Option<&'b [u8]>, HeadFault> {
        match self.times {
            0 => Ok(None),
            1 => Ok(Some(self.value)),
            _ => Err(fault),
        }
    }
}

/// The fields that decide framing, host and reuse.
#[derive(Default)]
pub(super) struct Facts<'b> {
    host: Single<'b>,
    length: Single<'b>,
    coding: Single<'b>,
    expect: Single<'b>,
    says_close: bool,
    says_keep_alive: bool,
}

impl<'b> Facts<'b> {
    /// Picks out what decides.
    pub(super) fn gather(headers: &[httparse::Header<'b>]) -> Self {
        let mut facts = Self::default();
        for header in headers {
            let is = |name: &str| header.name.eq_ignore_ascii_case(name);
            match header.name.len() {
                4 if is("host") => facts.host.see(header.value),
                6 if is("expect") => facts.expect.see(header.value),
                10 if is("connection") => facts.connection(header.value),
                14 if is("content-length") => facts.length.see(header.value),
                17 if is("transfer-encoding") => facts.coding.see(header.value),
                _ => {}
            }
        }
        facts
    }

    /// The host, which a 1.1 request must name exactly once.
    pub(super) fn host(&self, minor_version: u8) -> Result<Option<&'b [u8]>, HeadFault> {
        match self.host.one(HeadFault::Host)? {
            Some(host) if is_host(host) => Ok(Some(host)),
            None if minor_version == 0 => Ok(None),
            _ => Err(HeadFault::Host),
        }
    }

    /// The body of a request: none unless one is declared.
    pub(super) fn request_framing(&self, minor_version: u8) -> Result<Framing, HeadFault> {
        Ok(self.declared(minor_version)?.unwrap_or(Framing::None))
    }

    /// The body of a response: some never have one, whatever they declare; others without a
    /// declaration last until the connection ends.
    pub(super) fn response_framing(
        &self,
        minor_version: u8,
        status: u16,
        request_was_head: bool,
    ) -> Result<Framing, HeadFault> {
        let declared = self.declared(minor_version)?;
        let bodiless = request_was_head || status < 200 || matches!(status, 204 | 304);
        Ok(if bodiless { Framing::None } else { declared.unwrap_or(Framing::UntilClose) })
    }

    /// Whether the sender keeps the connection (RFC 9112 9.3); `close` beats `keep-alive`.
    pub(super) fn keep_alive(&self, minor_version: u8) -> bool {
        !self.says_close && (minor_version >= 1 || self.says_keep_alive)
    }

    /// Whether `100 Continue` is waited for; a 1.0 client's expectation is ignored (RFC 9110
    /// 10.1.1).
    pub(super) fn expect_continue(&self, minor_version: u8) -> Result<bool, HeadFault> {
        match self.expect.one(HeadFault::Expect)? {
            Some(value) if value.eq_ignore_ascii_case(b"100-continue") => Ok(minor_version >= 1),
            Some(_) => Err(HeadFault::Expect),
            None => Ok(false),
        }
    }

    fn declared(&self, minor_version: u8) -> Result<Option<Framing>, HeadFault> {
        if self.length.times > 0 && self.coding.times > 0 {
            return Err(HeadFault::TwoFramings);
        }
        if let Some(value) = self.coding.one(HeadFault::TransferEncoding)? {
            check_coding(value)?;
            let framed = if minor_version >= 1 { Some(Framing::Chunked) } else { None };
            return framed.map(Some).ok_or(HeadFault::TransferEncoding);
        }
        match self.length.one(HeadFault::ContentLength)? {
            Some(digits) => length(digits).map(|length| Some(Framing::Length(length))),
            None => Ok(None),
        }
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.says_close |= option.eq_ignore_ascii_case(b"close");
            self.says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }
}

/// A length of 1 to 19 digits: every such number fits in 64 bits.
fn length(digits: &[u8]) -> Result<u64, HeadFault> {
    if digits.is_empty() || digits.len() > 19 || !digits.iter().all(u8::is_ascii_digit) {
        return Err(HeadFault::ContentLength);
    }
    Ok(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// Exactly `chunked` passes. A coding that we lack is told apart from a list that is broken or has
/// chunks inside another coding, since the first is ours to lack and the second can smuggle.
fn check_coding(value: &[u8]) -> Result<(), HeadFault> {
    let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
    if is_chunked(value) {
        return Ok(());
    }
    let broken = |coding: &[u8]| coding.is_empty() || !coding.iter().all(|b| is_token_byte(*b));
    if list(value).any(broken) {
        return Err(HeadFault::TransferEncoding);
    }
    let before_last = list(value).count().saturating_sub(1);
    if list(value).take(before_last).any(is_chunked) {
        return Err(HeadFault::TransferEncoding);
    }
    Err(HeadFault::UnknownCoding)
}

/// The items of a comma-separated field value.
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}
