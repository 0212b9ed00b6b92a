//! A provider's address, taken apart once.
//!
//! Purpose: `scheme://host[:port][/path]` and nothing else, and whether a host is one that a
//! request from outside must never reach: loopback, private and link-local networks, the
//! metadata addresses of clouds (RFC 1918, 3927, 4193, 4291, 6598, 6890).
//! Invariants: a host is a valid name or an address in its one usual spelling (`127.1` and
//! `0x7f000001` are refused, as resolvers read them as addresses); no user, query or fragment.
//! Left out on purpose: what a name resolves to; the data plane checks that when it connects.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// Where a provider is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    /// Whether it is spoken to over TLS.
    pub tls: bool,
    /// A name in lower case, or an address; IPv6 without brackets.
    pub host: Box<str>,
    /// The port, also where the text left it out.
    pub port: u16,
    /// What paths are appended to: empty, or with a leading and without a trailing slash.
    pub path: Box<str>,
}

/// Why a text is not an address of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    /// Neither `http://` nor `https://`.
    Scheme,
    /// No host, or not a valid one.
    Host,
    /// Not a port.
    Port,
    /// A user, a query, a fragment, or bytes that a path cannot hold.
    Path,
}

impl fmt::Display for UrlFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "it begins with neither https:// nor http://",
            Self::Host => "its host is neither a name nor an address in the usual spelling",
            Self::Port => "its port is not a number from 1 to 65535",
            Self::Path => "it has a user, a query, a fragment or bytes that a path cannot hold",
        })
    }
}

impl std::error::Error for UrlFault {}

impl FromStr for BaseUrl {
    type Err = UrlFault;

    fn from_str(text: &str) -> Result<Self, UrlFault> {
        let (tls, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (_, Some(rest)) => (false, rest),
            _ => return Err(UrlFault::Scheme),
        };
        let path_bytes = |byte: u8| byte.is_ascii_graphic() && !b"?#@\"\\<>".contains(&byte);
        if !rest.bytes().all(path_bytes) {
            return Err(UrlFault::Path);
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (host, port) = split_port(authority)?;
        let port = match port {
            None => {
                if tls {
                    443
                } else {
                    80
                }
            }
            Some(digits) => parse_port(digits)?,
        };
        let host = parse_host(host).ok_or(UrlFault::Host)?;
        Ok(Self { tls, host, port, path: path.trim_end_matches('/').into() })
    }
}

impl BaseUrl {
    /// Whether the host is not one of the public Internet, as far as its text says.
    pub fn is_private(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => is_private_address(address),
            Err(_) => is_private_name(&self.host),
        }
    }

    /// `host[:port]` as a `Host` field has it: brackets around IPv6, the default port left out.
    pub fn authority(&self) -> String {
        let host = &self.host;
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
        let default = if self.tls { 443 } else { 80 };
        if self.port == default { bracketed } else { format!("{bracketed}:{}", self.port) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

/// Whether an address is not one of the public Internet.
pub fn is_private_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => is_private_v6(v6),
    }
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let carrier = a == 100 && (b & 0xc0) == 64;
    let benchmark = a == 198 && (b & 0xfe) == 18;
    let protocol = a == 192 && b == 0 && c == 0;
    a == 0
        || a >= 224
        || carrier
        || benchmark
        || protocol
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let tail = || {
        let [.., a, b, c, d] = address.octets();
        Ipv4Addr::new(a, b, c, d)
    };
    match segments {
        // IPv4 inside: mapped, compatible (with unspecified and loopback), NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_private_v4(tail()),
        [0x64, 0xff9b, 1, ..] | [0x2001, 0xdb8, ..] => true,
        [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            is_private_v4(Ipv4Addr::new(a, b, c, d))
        }
        [first, ..] => first & 0xfe00 == 0xfc00 || first & 0xff80 == 0xfe80 || first >= 0xff00,
    }
}

/// Names that never lead to the public Internet (RFC 6761, 6762, and those of metadata services).
fn is_private_name(host: &str) -> bool {
    const SUFFIXES: [&str; 7] =
        ["localhost", "local", "internal", "localdomain", "lan", "home.arpa", "intranet"];
    let ends_in = |suffix: &&str| {
        host.strip_suffix(*suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    SUFFIXES.iter().any(ends_in)
}

/// Takes `host[:port]` apart; an IPv6 address stands in brackets.
fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlFault> {
    if authority.starts_with('[') {
        let (host, rest) = authority.split_once(']').ok_or(UrlFault::Host)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((&authority[..=host.len()], Some(port))),
            None if rest.is_empty() => Ok((authority, None)),
            None => Err(UrlFault::Host),
        };
    }
    Ok(match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    })
}

fn parse_port(digits: &str) -> Result<u16, UrlFault> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = if plain { digits.parse().ok() } else { None };
    port.filter(|port| *port > 0).ok_or(UrlFault::Port)
}

fn parse_host(text: &str) -> Option<Box<str>> {
    if let Some(inside) = text.strip_prefix('[') {
        let address: Ipv6Addr = inside.strip_suffix(']')?.parse().ok()?;
        return Some(address.to_string().into());
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(address.to_string().into());
    }
    let name = text.strip_suffix('.').unwrap_or(text);
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(allowed)
    };
    // A last label that is a number makes the whole an address to most resolvers.
    let last = name.rsplit('.').next().unwrap_or("");
    let number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"));
    let valid = name.len() <= 253 && name.split('.').all(label) && !number;
    valid.then(|| name.to_ascii_lowercase().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        let url: BaseUrl = "https://API.example.com/v1/".parse().unwrap();
        assert_eq!(
            (url.tls, &*url.host, url.port, &*url.path),
            (true, "api.example.com", 443, "/v1")
        );
        let url: BaseUrl = "http://[::1]:8090".parse().unwrap();
        assert_eq!((&*url.host, url.port, &*url.path), ("::1", 8090, ""));
        assert_eq!(url.to_string(), "http://[::1]:8090");
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let faults = [
            ("ftp://a.b", UrlFault::Scheme),
            ("https://", UrlFault::Host),
            ("https://127.1/", UrlFault::Host),
            ("https://0x7f000001/", UrlFault::Host),
            ("https://2130706433", UrlFault::Host),
            ("https://-a.b", UrlFault::Host),
            ("https://[::1", UrlFault::Host),
            ("https://a.b:0", UrlFault::Port),
            ("https://a.b:99999", UrlFault::Port),
            ("https://user@a.b", UrlFault::Path),
            ("https://a.b/c?d", UrlFault::Path),
        ];
        for (text, fault) in faults {
            assert_eq!(text.parse::<BaseUrl>(), Err(fault), "{text}");
        }
    }

    #[test]
    fn what_is_not_public_is_known() {
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "[::]",
            "[::1]",
            "[fd00::1]",
            "[fe80::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "localhost",
            "a.localhost",
            "metadata.google.internal",
            "printer.local",
            "localhost.",
        ] {
            assert!(format!("https://{host}/").parse::<BaseUrl>().unwrap().is_private(), "{host}");
        }
        for host in ["1.1.1.1", "172.32.0.1", "[2606:4700::1]", "api.openai.com", "notlocalhost.io"]
        {
            assert!(!format!("https://{host}").parse::<BaseUrl>().unwrap().is_private(), "{host}");
        }
    }
}
