//! Who asks through a reverse proxy: `X-Forwarded-For`, and `Forwarded` (RFC 7239). Pure.
//!
//! Each proxy writes behind what is there already from whom it had the request, so only the end of the list can be
//! believed: from the right, the first address that is not one of a trusted proxy's. What stands before that is what
//! the client says of itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

use crate::networks::Networks;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Whether a request says that it came through a proxy.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(X_FORWARDED_FOR) || headers.contains_key(FORWARDED)
}

/// Who asks. Where the proxies do not say, or what they say cannot be read, it is the last of them that is known.
///
/// A proxy writes one of the two headers, and may hand on the other one as the client sent it. So if both are there and
/// mean different clients, neither is believed.
pub(super) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &Networks) -> IpAddr {
    if !trusted.contains(peer) {
        return peer;
    }
    let by = |name, hops: fn(&str) -> Vec<Hop>| {
        let lines = headers.get_all(&name).iter();
        let hops: Vec<Hop> =
            lines.flat_map(|line| line.to_str().map_or_else(|_| vec![Hop::Unknown], hops)).collect();
        (!hops.is_empty()).then(|| nearest(peer, &hops, trusted))
    };
    match (by(X_FORWARDED_FOR, listed), by(FORWARDED, forwarded)) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(one), Some(other)) if one == other => one,
        _ => peer,
    }
}

/// From whom a proxy had a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hop {
    Address(IpAddr),
    /// It does not say, or not in a way that can be read.
    Unknown,
}

fn nearest(peer: IpAddr, hops: &[Hop], trusted: &Networks) -> IpAddr {
    let mut last = peer;
    for hop in hops.iter().rev() {
        let Hop::Address(address) = *hop else { return last };
        last = address;
        if !trusted.contains(address) {
            break;
        }
    }
    last
}

/// The hops of a line of `X-Forwarded-For`.
fn listed(line: &str) -> Vec<Hop> {
    line.split(',').map(str::trim).filter(|text| !text.is_empty()).map(node).collect()
}

/// The hops of a line of `Forwarded`; a line that breaks the grammar is one that says nothing.
fn forwarded(line: &str) -> Vec<Hop> {
    Scanner(line).elements().unwrap_or_else(|| vec![Hop::Unknown])
}

/// An address, in brackets if it is one of IPv6 with a port, and with or without one.
fn node(text: &str) -> Hop {
    let bracketed = || text.strip_prefix('[')?.split_once(']')?.0.parse::<Ipv6Addr>().ok();
    let with_port = || text.split_once(':')?.0.parse::<Ipv4Addr>().ok();
    let found = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| bracketed().map(IpAddr::from))
        .or_else(|| with_port().map(IpAddr::from));
    found.map_or(Hop::Unknown, |address| Hop::Address(address.to_canonical()))
}

/// What is left of a line of `Forwarded`.
struct Scanner<'a>(&'a str);

impl<'a> Scanner<'a> {
    /// All of it, element by element; nothing if it breaks the grammar.
    fn elements(mut self) -> Option<Vec<Hop>> {
        let mut hops = Vec::new();
        loop {
            hops.extend(self.element()?);
            if self.0.is_empty() {
                return Some(hops);
            }
            self.eat(',').then_some(())?;
        }
    }

    /// An element, which may be empty: then there is no hop.
    #[expect(clippy::option_option, reason = "broken, empty, or a hop")]
    fn element(&mut self) -> Option<Option<Hop>> {
        let mut hop = None;
        let mut named = false;
        loop {
            self.skip_space();
            if let Some(name) = self.token() {
                self.eat('=').then_some(())?;
                let value = if self.eat('"') { self.quoted()? } else { self.token()?.to_owned() };
                hop = hop.or(Some(Hop::Unknown));
                if name.eq_ignore_ascii_case("for") {
                    // Twice in one element is against the RFC.
                    (!std::mem::replace(&mut named, true)).then_some(())?;
                    hop = Some(node(&value));
                }
                self.skip_space();
            }
            if !self.eat(';') {
                return Some(hop);
            }
        }
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\t']);
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.0.strip_prefix(wanted);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn token(&mut self) -> Option<&'a str> {
        let end = self.0.find(|c| !is_token(c)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// What is left of a quoted string, with its last quote.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        let mut characters = self.0.chars();
        loop {
            match characters.next()? {
                '"' => break,
                '\\' => text.push(characters.next()?),
                other => text.push(other),
            }
        }
        self.0 = characters.as_str();
        Some(text)
    }
}

/// Of what tokens are made (RFC 9110, section 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const BY_X: &str = "x-forwarded-for";
    const BY_RFC: &str = "forwarded";

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Who asks, where `127.0.0.1` and `10.0.0.0/8` are trusted and the request comes from the former.
    fn asked(headers: &[(&'static str, &str)]) -> IpAddr {
        #[derive(serde::Deserialize)]
        struct File {
            trusted: Networks,
        }
        let file: File = toml::from_str("trusted = [\"127.0.0.1\", \"10.0.0.0/8\"]").unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        client(ip("127.0.0.1"), &map, &file.trusted)
    }

    #[test]
    fn the_nearest_address_that_is_no_trusted_proxy_is_the_client() {
        for (list, client) in [
            ("192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1", "192.0.2.1"),
            ("6.6.6.6, 192.0.2.1, 10.0.0.7", "192.0.2.1"),
            ("10.0.0.9, 10.0.0.7", "10.0.0.9"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711, 10.0.0.7", "2001:db8::1"),
            ("::ffff:192.0.2.1", "192.0.2.1"),
            ("192.0.2.1, unknown, 10.0.0.7", "10.0.0.7"),
            ("192.0.2.1, nonsense", "127.0.0.1"),
            ("", "127.0.0.1"),
        ] {
            assert_eq!(asked(&[(BY_X, list)]), ip(client), "{list}");
        }
    }

    #[test]
    fn lines_of_one_header_are_one_list() {
        let lines = [(BY_X, "6.6.6.6"), (BY_X, "192.0.2.1, 10.0.0.7")];
        assert_eq!(asked(&lines), ip("192.0.2.1"));
    }

    #[test]
    fn who_is_no_trusted_proxy_says_nothing_about_others() {
        let mut headers = HeaderMap::new();
        headers.insert(BY_X, HeaderValue::from_static("6.6.6.6"));
        headers.insert(BY_RFC, HeaderValue::from_static("for=6.6.6.6"));
        assert_eq!(client(ip("192.0.2.1"), &headers, &Networks::default()), ip("192.0.2.1"));
    }

    #[test]
    fn forwarded_is_read_as_its_rfc_says() {
        for (line, client) in [
            ("for=192.0.2.43", "192.0.2.43"),
            ("for=192.0.2.43, for=198.51.100.17", "198.51.100.17"),
            ("For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
            ("for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"),
            ("proto=https ; FOR=\"192.0.2.60:80\" , for=10.0.0.7", "192.0.2.60"),
            ("for=\"192\\.0.2.60\",,", "192.0.2.60"),
            ("for=192.0.2.1, by=10.0.0.7", "127.0.0.1"),
            ("for=192.0.2.1, for=_hidden", "127.0.0.1"),
            ("for=192.0.2.1, for=unknown, for=10.0.0.7", "10.0.0.7"),
            ("for=192.0.2.1;for=192.0.2.2", "127.0.0.1"),
            ("for=\"192.0.2.1", "127.0.0.1"),
            ("for=[2001:db8::1]", "127.0.0.1"),
            ("for 192.0.2.1", "127.0.0.1"),
        ] {
            assert_eq!(asked(&[(BY_RFC, line)]), ip(client), "{line}");
        }
    }

    #[test]
    fn two_headers_that_contradict_each_other_are_not_believed() {
        let x = (BY_X, "6.6.6.6, 192.0.2.1");
        assert_eq!(asked(&[x, (BY_RFC, "for=192.0.2.1")]), ip("192.0.2.1"));
        assert_eq!(asked(&[x, (BY_RFC, "for=6.6.6.6")]), ip("127.0.0.1"));
    }

    /// What a client may send as the value of a header.
    const SENT: &str = "[ -~]{0,80}";

    proptest! {
        #[test]
        fn nothing_that_a_client_writes_makes_it_another(sent in SENT, same_line: bool) {
            let added = ip("192.0.2.1");
            let line = format!("{sent}, 192.0.2.1");
            let lines = if same_line { vec![line.as_str()] } else { vec![&sent, "192.0.2.1"] };
            let headers: Vec<_> = lines.into_iter().map(|line| (BY_X, line)).collect();
            prop_assert_eq!(asked(&headers), added);
            // A quote that is not closed swallows what the proxy adds to the line: then the proxy counts.
            for hop in ["for=192.0.2.1", "for=\"192.0.2.1:4711\";proto=https"] {
                let found = asked(&[(BY_RFC, &format!("{sent}, {hop}"))]);
                prop_assert!(found == added || found == ip("127.0.0.1"), "{}", found);
                prop_assert_eq!(asked(&[(BY_RFC, &sent), (BY_RFC, hop)]), added);
            }
        }

        #[test]
        fn what_a_proxy_writes_is_what_is_read(
            addresses in prop::collection::vec(any::<std::net::IpAddr>(), 1..6), port: u16, quote: bool,
        ) {
            let written = |address: &IpAddr| match address {
                IpAddr::V4(four) if quote => format!("proto=https;for=\"{four}:{port}\""),
                IpAddr::V4(four) => format!("for={four};by=_us"),
                IpAddr::V6(six) => format!("for=\"[{six}]\""),
            };
            let line = addresses.iter().map(written).collect::<Vec<_>>().join(", ");
            let hops: Vec<Hop> = addresses.iter().map(|one| Hop::Address(one.to_canonical())).collect();
            prop_assert_eq!(forwarded(&line), hops);
        }
    }
}
