//! `NO_PROXY`: which addresses are reached without the proxy. Pure.
//!
//! There is no standard for it, and each program reads it a little differently. Understood are the forms of curl, Go and
//! Java: names with everything below them, `.domain`, `*.domain`, numbers, networks (`10.0.0.0/8`), numbers with `*`, each
//! with or without a port, and `*`, divided by commas or blanks. An entry of another form is refused with words: passed
//! over, it would send the device by a way that nobody meant.

use std::net::IpAddr;

use crate::identity::address::Address;

/// The longest entry that is repeated in an error.
const MAX_SHOWN_CHARS: usize = 60;

/// An entry that is of no form that is understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEntry {
    /// Which, from 1.
    pub number: usize,
    /// What it says, unless it may hold a password.
    text: Option<String>,
}

impl std::fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "entry {} of NO_PROXY", self.number)?;
        if let Some(text) = &self.text {
            write!(f, ", {text:?},")?;
        }
        f.write_str(
            " is of no form that this agent understands: write a name, .DOMAIN, an IP address, a network such as 10.0.0.0/8 or 10.*, each with :PORT if only that is meant, or * for everything",
        )
    }
}

impl std::error::Error for InvalidEntry {}

/// The addresses that are reached without the proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<(Hosts, Option<u16>)>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    All,
    /// A name and what is below it, in small letters.
    Name(String),
    /// A pattern for names, in small letters.
    Names(String),
    /// A pattern for numbers of IPv4.
    Numbers(String),
    /// A number, or all that begin with so many of its bits.
    Network(IpAddr, u8),
}

impl Exceptions {
    /// Reads the variable.
    ///
    /// # Errors
    /// At the first entry that is of no form that is understood.
    pub(super) fn read(text: &str) -> Result<Self, InvalidEntry> {
        let entries = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty());
        let read = |(index, text): (usize, &str)| {
            entry(text).ok_or_else(|| InvalidEntry {
                number: index + 1,
                text: (!text.contains('@')).then(|| text.chars().take(MAX_SHOWN_CHARS).collect()),
            })
        };
        entries.enumerate().map(read).collect::<Result<_, _>>().map(Self)
    }

    /// Whether an address is reached without the proxy.
    pub(super) fn contain(&self, address: &Address) -> bool {
        let host = address.host.trim_end_matches('.').to_ascii_lowercase();
        let number = host.parse::<IpAddr>().ok().map(|number| number.to_canonical());
        let holds = |(hosts, port): &(Hosts, Option<u16>)| {
            port.is_none_or(|port| port == address.port) && hosts.contain(&host, number)
        };
        self.0.iter().any(holds)
    }
}

impl Hosts {
    fn contain(&self, host: &str, number: Option<IpAddr>) -> bool {
        match (self, number) {
            (Self::All, _) => true,
            (Self::Name(name), None) => {
                host.strip_suffix(name.as_str()).is_some_and(|above| above.is_empty() || above.ends_with('.'))
            }
            (Self::Names(pattern), None) => fits(pattern, host),
            (Self::Numbers(pattern), Some(IpAddr::V4(number))) => fits(pattern, &number.to_string()),
            (Self::Network(network, bits), Some(number)) => within(number, *network, *bits),
            _ => false,
        }
    }
}

fn entry(text: &str) -> Option<(Hosts, Option<u16>)> {
    // Colons of IPv6 divide no port, unless there are brackets.
    if let Some(network) = network(text) {
        return Some((network, None));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse().ok()?)),
        None => (text, None),
    };
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    if let Some(inside) = bare {
        return Some((network(inside)?, port));
    }
    Some((network(host).or_else(|| name(host))?, port))
}

/// A number, or a network.
fn network(text: &str) -> Option<Hosts> {
    let text = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let (number, bits) = match text.split_once('/') {
        Some((number, bits)) => (number, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let number: IpAddr = number.parse().ok()?;
    let most = if number.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Hosts::Network(number, bits))
}

fn name(text: &str) -> Option<Hosts> {
    if text == "*" {
        return Some(Hosts::All);
    }
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.')).unwrap_or(&text);
    let letters = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*');
    if below.is_empty() || !below.chars().all(letters) {
        return None;
    }
    let of_numbers = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '*'));
    if of_numbers && !below.contains('*') {
        // Part of an address, without a word on what may follow.
        return None;
    }
    Some(if !below.contains('*') {
        Hosts::Name(below.to_owned())
    } else if of_numbers {
        Hosts::Numbers(text)
    } else {
        Hosts::Names(text)
    })
}

/// Whether a text fits a pattern, in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut left) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pieces.next_back() else { return left.is_empty() };
    for piece in pieces {
        let Some((_, after)) = left.split_once(piece) else { return false };
        left = after;
    }
    left.ends_with(last)
}

/// Whether the first bits of two numbers of the same family are the same.
fn within(number: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (one, other, all) = match (number, network) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u128::from(one.to_bits()), u128::from(other.to_bits()), 32_u32)
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), 128),
        _ => return false,
    };
    let drop = all.saturating_sub(u32::from(bits));
    // A shift by all bits leaves nothing to compare.
    one.checked_shr(drop) == other.checked_shr(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(entries: &str, target: &str) -> bool {
        Exceptions::read(entries).unwrap().contain(&target.parse().unwrap())
    }

    #[test]
    fn every_form_that_people_write_is_read_as_they_mean_it() {
        for (entries, target) in [
            ("m", "https://m:8443"),
            ("example.org, M", "https://m"),
            ("a b\tm", "https://m"),
            ("*", "https://anything:1"),
            (".corp", "https://m.corp"),
            (".corp", "https://corp"),
            ("*.corp", "https://a.b.corp"),
            ("corp.", "https://m.corp"),
            ("corp", "https://m.corp."),
            ("m:8443", "https://m:8443"),
            ("m.corp:443", "https://m.corp"),
            ("*.corp:8443", "https://m.corp:8443"),
            ("127.0.0.1", "https://127.0.0.1"),
            ("127.*", "https://127.0.0.1:8443"),
            ("10.*.3", "https://10.1.2.3"),
            ("printers-*.corp", "https://printers-7.corp"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("0.0.0.0/0", "https://10.1.2.3"),
            ("10.1.2.3:8443", "https://10.1.2.3:8443"),
            ("::1", "https://[::1]:1"),
            ("[::1]", "https://[::1]:1"),
            ("[::1]:8443", "https://[::1]:8443"),
            ("2001:db8::/32", "https://[2001:db8::7]"),
        ] {
            assert!(holds(entries, target), "{entries} {target}");
        }
    }

    #[test]
    fn what_only_looks_alike_goes_through_the_proxy() {
        for (entries, target) in [
            ("", "https://m"),
            ("corp", "https://mcorp"),
            ("m:8443", "https://m"),
            ("m:443", "https://m:8443"),
            ("127.*", "https://128.0.0.1"),
            ("127.*", "https://127.example"),
            ("10.0.0.0/8", "https://11.1.2.3"),
            ("10.0.0.0/8", "https://[::a01:203]"),
            ("::/0", "https://10.1.2.3"),
            ("[::1]:8443", "https://[::1]:443"),
            ("10.1.2.3", "https://10.1.2.33"),
            ("a*c", "https://ab"),
        ] {
            assert!(!holds(entries, target), "{entries} {target}");
        }
    }

    #[test]
    fn an_entry_of_another_form_is_refused_with_its_number_and_a_password_is_not_repeated() {
        for entries in [
            "a,http://m:8443",
            "a <local>",
            "a,10.0.0.0/33",
            "a, m:port",
            "a,m:99999",
            "a,[::1",
            "a,m/x",
            "a,10.",
            "a,192.168",
            "a,10.0.0.300",
            "a,.",
        ] {
            let told = Exceptions::read(entries).unwrap_err().to_string();
            assert!(told.contains("entry 2 of NO_PROXY") && told.contains("10.0.0.0/8"), "{entries}: {told}");
        }
        let told = Exceptions::read("http://u:secret@m").unwrap_err().to_string();
        assert!(!told.contains("secret"), "{told}");
    }

    proptest! {
        #[test]
        fn no_text_does_worse_than_be_refused(text in "\\PC{0,60}", host in "[a-z0-9.]{1,20}") {
            if let (Ok(read), Ok(address)) = (Exceptions::read(&text), format!("https://{host}").parse()) {
                let _ = read.contain(&address);
            }
        }

        #[test]
        fn a_network_holds_its_own_numbers_and_a_single_number_is_a_network(number in any::<u32>(), bits in 0_u8..=32) {
            let number = IpAddr::V4(number.into());
            prop_assert!(within(number, number, bits));
            let read = Exceptions::read(&format!("{number}/{bits}")).unwrap();
            let address = format!("https://{number}").parse().unwrap();
            prop_assert!(read.contain(&address));
        }

        #[test]
        fn a_pattern_fits_what_it_was_made_of(pieces in prop::collection::vec("[a-z]{0,4}", 1..5), between in "[a-z]{0,3}") {
            prop_assert!(fits(&pieces.join("*"), &pieces.join(&between)));
        }
    }
}
