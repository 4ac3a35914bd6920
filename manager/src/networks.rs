//! Networks by their addresses, such as those in which the reverse proxies stand.

use std::net::IpAddr;

use ipnet::IpNet;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Networks in one list.
const MAX_NETWORKS: usize = 64;

/// A list of addresses and networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether an address is in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

fn network(text: &str) -> Option<IpNet> {
    let found = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    found.filter(|network| network.prefix_len() > 0)
}

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        if texts.len() > MAX_NETWORKS {
            return Err(D::Error::custom(format!(
                "{} are too many; list at most {MAX_NETWORKS}",
                texts.len()
            )));
        }
        let read = texts.iter().map(|text| {
            network(text).ok_or_else(|| {
                D::Error::custom(format!(
                    "{text:?} is neither an address nor a network; write \"192.0.2.7\" or \"10.0.0.0/8\""
                ))
            })
        });
        read.collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(list: &str) -> Result<Networks, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            list: Networks,
        }
        toml::from_str::<File>(&format!("list = {list}")).map(|file| file.list)
    }

    #[test]
    fn an_address_stands_for_itself_and_a_network_for_all_of_its_addresses() {
        let list = networks(r#"["192.0.2.7", "10.0.0.0/8", "2001:db8::/32"]"#).unwrap();
        for inside in ["192.0.2.7", "::ffff:192.0.2.7", "10.255.0.1", "2001:db8:ffff::1"] {
            assert!(list.contains(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["192.0.2.8", "11.0.0.1", "2001:db9::1", "::1"] {
            assert!(!list.contains(outside.parse().unwrap()), "{outside}");
        }
        assert!(!Networks::default().contains("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_or_is_everybody_is_refused_with_what_to_write() {
        for list in [r#"["proxy"]"#, r#"["10.0.0.0/33"]"#, r#"["0.0.0.0/0"]"#, r#"["::/0"]"#, r#"[""]"#] {
            let message = networks(list).unwrap_err().to_string();
            assert!(message.contains("10.0.0.0/8"), "{message}");
        }
        let many = vec![r#""10.0.0.1""#; MAX_NETWORKS + 1].join(",");
        assert!(networks(&format!("[{many}]")).unwrap_err().to_string().contains("at most 64"));
    }
}
