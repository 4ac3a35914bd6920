//! nftables at the gate and at the device: what is let through, and what was counted.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::rigs::process::run_ok;

use super::bed::{GATE_INSIDE, GATE_OUTSIDE, INSIDE, OUTSIDE};
use super::namespace::Namespace;

/// Lets out new connections to TCP port 443 of anywhere, and nothing in. IPv4 of the site stands behind the
/// gate's address, as it mostly does; IPv6 is routed.
fn only_https_out() -> String {
    format!(
        "table inet gate {{
            counter out_new {{}}
            counter out {{}}
            counter answers {{}}
            counter forgotten {{}}
            counter refused_out {{}}
            counter refused_in {{}}
            chain cut {{}}
            chain forward {{
                type filter hook forward priority filter; policy drop;
                jump cut
                ct state invalid counter name forgotten drop
                iifname {OUTSIDE} ct state established,related counter name answers accept
                iifname {INSIDE} tcp dport 443 ct state new counter name out_new
                iifname {INSIDE} tcp dport 443 counter name out accept
                iifname {INSIDE} counter name refused_out drop
                iifname {OUTSIDE} counter name refused_in drop
            }}
            chain input {{
                type filter hook input priority filter; policy accept;
                iifname {OUTSIDE} ct state new meta l4proto {{ tcp, udp }} counter name refused_in drop
            }}
            chain translate {{
                type nat hook postrouting priority srcnat; policy accept;
                oifname {OUTSIDE} meta nfproto ipv4 masquerade
            }}
        }}"
    )
}

/// Drops whatever wants to pass, in silence.
const NOTHING_OUT: &str = "table inet gate {
    counter refused_out {}
    chain forward {
        type filter hook forward priority filter; policy drop;
        counter name refused_out
    }
}";

/// Sends everything for the port of HTTPS to the gate's own port instead, as a network does that wants a login first.
fn everything_to(port: u16) -> String {
    format!(
        "table inet gate {{
            chain divert {{
                type nat hook prerouting priority dstnat; policy accept;
                iifname {INSIDE} tcp dport 443 redirect to :{port}
            }}
        }}"
    )
}

/// Keeps the gate from saying that a packet is too large for it.
const SAYS_NOTHING: &str = "table inet gate {
    counter unsaid {}
    chain output {
        type filter hook output priority filter; policy accept;
        icmp type destination-unreachable counter name unsaid drop
        icmpv6 type packet-too-big counter name unsaid drop
    }
}";

/// At the device itself: connections that somebody else begins.
const NOBODY_CALLS: &str = "table inet printer {
    counter inbound {}
    chain input {
        type filter hook input priority filter; policy accept;
        iifname != lo ct state new meta l4proto { tcp, udp } counter name inbound
    }
}";

/// The rules of a gate or a device.
#[derive(Debug)]
pub struct Firewall<'a> {
    namespace: &'a Namespace,
    table: &'static str,
}

impl<'a> Firewall<'a> {
    /// At the gate: TCP 443 out, nothing in.
    pub fn only_https_out(gate: &'a Namespace) -> Self {
        Self::load(gate, "gate", &only_https_out())
    }

    /// At the gate: nothing passes, and nobody says so.
    pub fn nothing_out(gate: &'a Namespace) -> Self {
        Self::load(gate, "gate", NOTHING_OUT)
    }

    /// At the gate: what is for the port of HTTPS goes to the gate's own port instead.
    pub fn everything_to(gate: &'a Namespace, port: u16) -> Self {
        Self::load(gate, "gate", &everything_to(port))
    }

    /// At the gate: packets of IPv4 with more than `mtu` bytes do not pass, and nobody says so.
    pub fn swallows_large_packets(gate: &'a Namespace, mtu: u32) -> Self {
        narrow(gate, INSIDE, GATE_INSIDE.v4, mtu);
        Self::swallows_large_packets_out(gate, mtu)
    }

    /// The same, but only those of the site.
    pub fn swallows_large_packets_out(gate: &'a Namespace, mtu: u32) -> Self {
        narrow(gate, OUTSIDE, GATE_OUTSIDE.v4, mtu);
        Self::load(gate, "gate", SAYS_NOTHING)
    }

    /// At the device: lets everything in, and counts it.
    pub fn counting(site: &'a Namespace) -> Self {
        Self::load(site, "printer", NOBODY_CALLS)
    }

    fn load(namespace: &'a Namespace, table: &'static str, rules: &str) -> Self {
        run_ok(namespace.command("nft").args(["-f", "-"]), rules);
        Self { namespace, table }
    }

    /// From now on drops the packets of one connection without a word, both ways, as a firewall does that
    /// has forgotten it. `port` is the device's port.
    pub fn forget(&self, port: u16) {
        for end in ["sport", "dport"] {
            self.nft(&["add", "rule", "inet", self.table, "cut", "tcp", end, &port.to_string(), "drop"]);
        }
    }

    /// Drops every packet, both ways; [`Self::mend`] ends it.
    pub fn cut(&self) {
        self.nft(&["add", "rule", "inet", self.table, "cut", "drop"]);
    }

    /// Drops every packet of a family, `ipv4` or `ipv6`, both ways.
    pub fn cut_family(&self, family: &str) {
        self.nft(&["add", "rule", "inet", self.table, "cut", "meta", "nfproto", family, "drop"]);
    }

    /// Takes back what was cut and forgotten.
    pub fn mend(&self) {
        self.nft(&["flush", "chain", "inet", self.table, "cut"]);
    }

    /// From now on a connection in which nothing passes for so long is forgotten, without a word to anybody.
    pub fn forget_idle(&self, after: Duration) {
        for setting in [
            format!("nf_conntrack_tcp_timeout_established={}", after.as_secs()),
            // Nor is it taken up again when something comes after all.
            "nf_conntrack_tcp_loose=0".to_owned(),
        ] {
            let setting = format!("net.netfilter.{setting}");
            run_ok(self.namespace.command("sysctl").args(["-q", "-w", &setting]), "");
        }
    }

    /// Takes the rules away: everything passes.
    pub fn open(&self) {
        self.nft(&["delete", "table", "inet", self.table]);
    }

    fn nft(&self, arguments: &[&str]) {
        run_ok(self.namespace.command("nft").args(arguments), "");
    }

    /// What was counted so far.
    pub fn counters(&self) -> BTreeMap<String, Counter> {
        let text = run_ok(self.namespace.command("nft").args(["-j", "list", "counters"]), "");
        counters(&serde_json::from_str(&text).unwrap())
    }

    /// One of them.
    pub fn counter(&self, name: &str) -> Counter {
        *self.counters().get(name).unwrap_or_else(|| panic!("no counter {name}"))
    }
}

/// Sets the MTU of what is sent on an interface of the gate, which it has an address of.
fn narrow(gate: &Namespace, interface: &str, own: &str, mtu: u32) {
    let (network, _) = own.rsplit_once('.').unwrap();
    let (network, mtu) = (format!("{network}.0/24"), mtu.to_string());
    gate.ip(&["route", "replace", &network, "dev", interface, "src", own, "mtu", "lock", &mtu]);
}

/// Packets and bytes (of IP, with its headers).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counter {
    /// How many.
    pub packets: u64,
    /// How much.
    pub bytes: u64,
}

fn counters(listing: &Value) -> BTreeMap<String, Counter> {
    let entries = listing["nftables"].as_array().cloned().unwrap_or_default();
    let counter = |entry: &Value| {
        let counter = entry.get("counter")?;
        let number = |key: &str| counter[key].as_u64();
        Some((
            counter["name"].as_str()?.to_owned(),
            Counter { packets: number("packets")?, bytes: number("bytes")? },
        ))
    };
    entries.iter().filter_map(counter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn counters_are_read_by_their_names_and_what_else_is_listed_is_left_out() {
        let listing = json!({"nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"counter": {"family": "inet", "name": "out", "table": "gate", "packets": 3, "bytes": 180}},
        ]});
        let read = counters(&listing);
        assert_eq!(read.len(), 1);
        assert_eq!(read["out"], Counter { packets: 3, bytes: 180 });
    }
}
