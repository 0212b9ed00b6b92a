//! The request target (RFC 9112 3.2) and the host it is for.
//!
//! A gateway routes by path alone, so every accepted form ends as a path: origin form as it stands,
//! absolute form once its authority was found equal to Host, and `*` for OPTIONS. Hosts are names,
//! addresses and ports of the plain kind; user names, lists and percent-escapes are refused.

use super::{HeadFault, Method};

/// May stand in a target.
const TARGET: u8 = 1;
/// May stand in a host's name.
const NAME: u8 = 2;

/// Where a byte may stand.
static CLASS: [u8; 256] = {
    let mut class = [0; 256];
    let mut byte = 0x21_u8;
    while byte <= 0x7e {
        if byte != b'#' {
            class[byte as usize] = TARGET;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            class[byte as usize] |= NAME;
        }
        byte += 1;
    }
    class
};

/// The target's part in origin form, checked against the host.
pub(super) fn origin_form<'b>(
    method: Method,
    target: &'b [u8],
    host: Option<&[u8]>,
) -> Result<&'b [u8], HeadFault> {
    if !target.iter().all(|byte| CLASS[usize::from(*byte)] & TARGET != 0) {
        return Err(HeadFault::Target);
    }
    match target.first() {
        Some(b'/') => Ok(target),
        Some(b'*') if target.len() == 1 && method == Method::Options => Ok(target),
        _ => absolute_path(target, host),
    }
}

/// Path and query of an origin-form target.
pub(super) fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b'?', target) {
        Some(mark) => (&target[..mark], Some(&target[mark + 1..])),
        None => (target, None),
    }
}

/// What follows the authority of `http://authority/path`; a path must be there.
fn absolute_path<'b>(target: &'b [u8], host: Option<&[u8]>) -> Result<&'b [u8], HeadFault> {
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .ok_or(HeadFault::Target)?;
    let rest = &target[scheme.len()..];
    let slash = memchr::memchr(b'/', rest).ok_or(HeadFault::Target)?;
    let (authority, path) = rest.split_at(slash);
    if !is_host(authority) {
        return Err(HeadFault::Target);
    }
    match host {
        Some(host) if host.eq_ignore_ascii_case(authority) => Ok(path),
        _ => Err(HeadFault::OtherAuthority),
    }
}

/// Whether `host` names one host, with a port or without (RFC 9110 7.2).
pub(super) fn is_host(host: &[u8]) -> bool {
    let (name, port) = match host.first() {
        Some(b'[') => match memchr::memchr(b']', host) {
            Some(end) => (&host[..=end], &host[end + 1..]),
            None => return false,
        },
        _ => host.split_at(memchr::memchr(b':', host).unwrap_or(host.len())),
    };
    is_name(name) && is_port(port)
}

fn is_name(name: &[u8]) -> bool {
    match name {
        [b'[', address @ .., b']'] => {
            address.len() >= 2
                && address.iter().all(|b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'))
        }
        _ => !name.is_empty() && name.iter().all(|byte| CLASS[usize::from(*byte)] & NAME != 0),
    }
}

/// A port with its colon, or nothing.
fn is_port(port: &[u8]) -> bool {
    match port {
        [] => true,
        [b':', digits @ ..] => {
            (1..=5).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}
