//! The board that every rig has.

use std::fmt::Write as _;

/// The buses that have an adapter of their own, in the order of [`Kernel::buses`].
pub const BUSES: [&str; 2] = ["main", "sensors"];
/// The address of the multiplexer on the first bus.
pub const MULTIPLEXER: u8 = 0x70;

/// `{backend}`, the devices of buses and the GPIO chip are filled in by [`board_file`].
const BOARD: &str = r#"
backend = "{backend}"
model = "Suite printer"
[engine]
bus = "main"
chip = "fm24cl64b"
address = 0x57
[engine-controller]
bus = "main"
address = 0x21
[service-lamp]
line = 6
{gpio}
[buzzer]
line = 7
{gpio}
[[bus]]
name = "main"
{main}
[bus.recover]
line = 5
active = "low"
{gpio}
[[bus]]
name = "sensors"
{sensors}
[[bus]]
name = "finisher"
behind = { bus = "main", address = 0x70, channel = 2 }
{finisher}
[[bus]]
name = "trays"
behind = { bus = "main", address = 0x70, channel = 5 }
{trays}
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[supply]]
name = "cyan"
bus = "main"
chip = "24c32"
address = 0x51
[[supply]]
name = "yellow"
bus = "finisher"
chip = "24c02"
address = 0x52
[[supply]]
name = "magenta"
bus = "trays"
chip = "24c02"
address = 0x52
[[supply]]
name = "hopper"
type = "toner"
[supply.sensor]
bus = "sensors"
chip = "ads1115"
address = 0x48
channel = 0
curve = [[300, 0], [1800, 60], [3000, 100]]
[[part]]
name = "drum"
bus = "main"
chip = "24c02"
address = 0x54
[[part]]
name = "fuser-unit"
life = "fuser"
[[temperature]]
name = "ambient"
bus = "sensors"
chip = "lm75"
address = 0x4a
[[temperature]]
name = "cabinet"
bus = "sensors"
chip = "tmp102"
address = 0x49
[[temperature]]
name = "fuser"
role = "fuser"
[temperature.sensor]
bus = "sensors"
chip = "ads1115"
address = 0x48
channel = 1
curve = [[300, 250], [1500, 180], [2900, 25], [3100, -20]]
[[switch]]
name = "cover"
meaning = "cover"
line = 0
active = "low"
{gpio}
[[switch]]
name = "service"
meaning = "service-button"
line = 1
{gpio}
[[switch]]
name = "order"
meaning = "order-button"
line = 2
{gpio}
[[switch]]
name = "jam"
meaning = "jam"
location = 4
line = 3
{gpio}
[[switch]]
name = "exit"
meaning = "page-exit"
line = 4
{gpio}
"#;

/// The devices of a Linux backend.
#[derive(Debug, Clone, Copy)]
pub struct Kernel<'a> {
    /// Device files of [`BUSES`].
    pub buses: [&'a str; 2],
    /// The names of the adapters at channels 2 and 5 of the multiplexer; without them these buses are left
    /// out, with what is on them.
    pub behind: Option<[&'a str; 2]>,
    /// The GPIO chip.
    pub gpio: &'a str,
}

/// The board file of a backend: of the simulated one without `kernel`.
pub fn board_file(kernel: Option<Kernel<'_>>) -> String {
    let key = |name: &str, value: Option<&str>| {
        let mut line = String::new();
        if let Some(value) = value {
            // Writing to a string does not fail.
            let _ = write!(line, "{name} = {value:?}");
        }
        line
    };
    let behind = kernel.and_then(|kernel| kernel.behind);
    let text = BOARD
        .replace("{backend}", if kernel.is_some() { "linux" } else { "simulated" })
        .replace("{main}", &key("device", kernel.map(|kernel| kernel.buses[0])))
        .replace("{sensors}", &key("device", kernel.map(|kernel| kernel.buses[1])))
        .replace("{finisher}", &key("adapter", behind.map(|names| names[0])))
        .replace("{trays}", &key("adapter", behind.map(|names| names[1])))
        .replace("{gpio}", &key("gpio", kernel.map(|kernel| kernel.gpio)));
    match kernel {
        Some(Kernel { behind: None, .. }) => without_multiplexer(&text),
        _ => text,
    }
}

/// Without the buses behind the multiplexer, and what is on them.
fn without_multiplexer(text: &str) -> String {
    let behind = |entry: &str| ["\"finisher\"", "\"trays\""].into_iter().any(|bus| entry.contains(bus));
    let entries = text.split("\n[[").enumerate().filter(|(_, entry)| !behind(entry));
    entries.fold(String::new(), |mut text, (at, entry)| {
        let _ = write!(text, "{}{entry}", if at == 0 { "" } else { "\n[[" });
        text
    })
}
