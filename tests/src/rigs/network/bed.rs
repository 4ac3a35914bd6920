//! The three namespaces of a test, and what stands in them.

use crate::rigs::agent::process::{Device, Setup};
use crate::rigs::manager::process::{Manager, Stand};
use crate::rigs::process::run_ok;

use super::namespace::{Inside, Namespace, bed_number, cable, sweep};

/// The name of the service centre's manager.
pub const MANAGER: &str = "manager.service.example";
/// The port that firewalls let out.
pub const HTTPS: u16 = 443;

/// The gate's interface towards the site, and that towards the internet.
pub const INSIDE: &str = "inside";
/// See [`INSIDE`].
pub const OUTSIDE: &str = "outside";
/// The one interface of a site and of the internet.
const CABLE: &str = "cable";

/// An end of a cable in both families. The addresses are private ones, and stand in namespaces only.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// IPv4.
    pub v4: &'static str,
    /// IPv6, a unique local address.
    pub v6: &'static str,
}

/// The device.
pub const SITE: End = End { v4: "10.77.1.2", v6: "fd77:0:0:1::2" };
/// The gate, as the site sees it.
pub const GATE_INSIDE: End = End { v4: "10.77.1.1", v6: "fd77:0:0:1::1" };
/// The gate, as the internet sees it.
pub const GATE_OUTSIDE: End = End { v4: "10.77.2.1", v6: "fd77:0:0:2::1" };
/// The manager.
pub const INTERNET: End = End { v4: "10.77.2.2", v6: "fd77:0:0:2::2" };

/// Which families a site has. The internet has both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Families {
    /// IPv4 and IPv6.
    Both,
    /// IPv4 alone.
    V4,
    /// IPv6 alone.
    V6,
}

impl Families {
    fn of(self, end: End) -> Vec<&'static str> {
        match self {
            Self::Both => vec![end.v4, end.v6],
            Self::V4 => vec![end.v4],
            Self::V6 => vec![end.v6],
        }
    }
}

/// What a device at the site is told about the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knows {
    /// It routes through the gate, and knows the manager's name.
    TheManager,
    /// It reaches the gate and nothing else, and nobody there answers questions for names.
    OnlyTheGate,
}

/// A site, a gate and the internet. The thread that lays the bed stands in the internet from then on.
#[derive(Debug)]
pub struct Bed {
    // Dropped in this order: the thread leaves before the namespaces go.
    _stands: Inside,
    /// Where the device is.
    pub site: Namespace,
    /// The firewall, or the proxy.
    pub gate: Namespace,
    /// Where the manager is.
    pub internet: Namespace,
    families: Families,
}

impl Bed {
    /// Lays one. The gate lets through everything until it is told otherwise.
    pub fn lay(families: Families, knows: Knows) -> Self {
        sweep();
        let number = bed_number();
        let [site, gate, internet] = ["site", "gate", "internet"].map(|role| Namespace::make(number, role));
        cable((&site, CABLE), (&gate, INSIDE));
        cable((&gate, OUTSIDE), (&internet, CABLE));
        give(&site, CABLE, families, SITE);
        give(&gate, INSIDE, families, GATE_INSIDE);
        give(&gate, OUTSIDE, Families::Both, GATE_OUTSIDE);
        give(&internet, CABLE, Families::Both, INTERNET);
        for key in ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"] {
            run_ok(gate.command("sysctl").args(["-q", "-w", key]), "");
        }
        // The manager knows a way to the site: that no connection goes there is its own doing.
        for gateway in families.of(GATE_OUTSIDE) {
            internet.ip(&["route", "add", "default", "via", gateway]);
        }
        let with_manager = format!("{LOCAL_HOSTS}{} {MANAGER}\n{} {MANAGER}\n", INTERNET.v4, INTERNET.v6);
        gate.file("hosts", &with_manager);
        match knows {
            Knows::TheManager => {
                for gateway in families.of(GATE_INSIDE) {
                    site.ip(&["route", "add", "default", "via", gateway]);
                }
                site.file("hosts", &with_manager);
            }
            Knows::OnlyTheGate => site.file("hosts", LOCAL_HOSTS),
        }
        let nobody = families.of(GATE_INSIDE).first().copied().unwrap_or_default();
        site.file("resolv.conf", &format!("nameserver {nobody}\n"));
        site.file("nsswitch.conf", "hosts: files dns\n");
        gate.file("nsswitch.conf", "hosts: files\n");
        let stands = internet.enter();
        Self { _stands: stands, site, gate, internet, families }
    }

    /// The families of the site.
    pub fn families(&self) -> Families {
        self.families
    }

    /// Starts the manager in the internet, on the port of HTTPS, in both families.
    pub fn manager(&self) -> Manager {
        let names = [MANAGER, INTERNET.v4, INTERNET.v6, "localhost"];
        let any = |port| format!("[::]:{port}").parse().unwrap();
        let stand = Stand {
            place: self.internet.place(),
            devices: any(HTTPS),
            operators: any(0),
            names: names.map(str::to_owned).to_vec(),
            host: MANAGER.to_owned(),
            ..Stand::default()
        };
        Manager::start_at(stand, "")
    }

    /// Connections from the site to a port: the site's own ports of those that are established.
    pub fn flows(&self, port: u16) -> Vec<u16> {
        let filter = format!("dport = :{port}");
        let listing = run_ok(self.site.command("ss").args(["-Htn", "state", "established", &filter]), "");
        let own = |line: &str| line.split_whitespace().nth(2)?.rsplit_once(':')?.1.parse().ok();
        listing.lines().filter_map(own).collect()
    }

    /// Lays the files of a device at the site.
    pub fn device(&self, name: &str, manager: &Manager, setup: &Setup<'_>) -> Device {
        Device::set_up(name, &manager.device_url(), Setup { place: self.site.place(), ..setup.clone() })
    }
}

const LOCAL_HOSTS: &str = "127.0.0.1 localhost\n::1 localhost\n";

fn give(namespace: &Namespace, interface: &str, families: Families, end: End) {
    for address in families.of(end) {
        let prefix = if address.contains(':') { 64 } else { 24 };
        namespace.ip(&["address", "add", &format!("{address}/{prefix}"), "dev", interface]);
    }
}
