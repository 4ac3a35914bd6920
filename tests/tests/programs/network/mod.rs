//! Customers' networks: namespaces with nftables and squid, for which root is needed, and connections that break.

mod faults;
mod firewalls;
mod inspected;
mod proxy;
