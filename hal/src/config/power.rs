//! What has no power while the engine sleeps: by the keys `loses-power-in-sleep` of the board file, and where
//! there are none by whether it has a line that tells of sleep.

use std::collections::BTreeSet;

use platen_protocol::readings::SwitchMeaning;
use toml::Spanned;

use super::{BoardConfig, ENGINE, ENGINE_CONTROLLER};

/// What has no power while the engine sleeps, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NoPowerInSleep {
    /// Supplies, parts and temperatures, `engine` and `engine-controller`: those whose chip has none.
    pub things: BTreeSet<String>,
    /// Buses of whose chips none has any.
    pub buses: BTreeSet<String>,
}

impl NoPowerInSleep {
    /// Whether everything keeps its power.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty() && self.buses.is_empty()
    }
}

impl BoardConfig {
    /// Whether a line tells when the engine sleeps.
    pub fn tells_sleep(&self) -> bool {
        self.switches.iter().any(|switch| switch.meaning == SwitchMeaning::Sleep)
    }

    /// What has no power while the engine sleeps. Where the file does not say, that is every chip on a board
    /// with a line for sleep, for the engine's controller feeds them; without such a line nothing has.
    pub fn no_power_in_sleep(&self) -> NoPowerInSleep {
        self.without_power(self.tells_sleep())
    }

    /// Of these, those of which the file says so itself.
    pub fn said_to_lose_power(&self) -> NoPowerInSleep {
        self.without_power(false)
    }

    fn without_power(&self, unless_said: bool) -> NoPowerInSleep {
        let mut none = NoPowerInSleep::default();
        if !self.tells_sleep() {
            return none;
        }
        let mut powered = BTreeSet::new();
        for place in self.chips() {
            let bus = place.bus.get_ref();
            let of_bus = self.buses.iter().find(|entry| entry.name.get_ref() == bus);
            let of_bus = of_bus.and_then(|entry| entry.loses_power_in_sleep.as_ref());
            let said = self.power_key(place.name).or(of_bus).map(|key| *key.get_ref());
            if said.unwrap_or(unless_said) {
                none.things.insert(place.name.to_owned());
                none.buses.insert(bus.clone());
            } else {
                powered.insert(bus.clone());
            }
        }
        none.buses.retain(|bus| !powered.contains(bus));
        let counted = |part: &&super::Part| part.life.is_some();
        if none.things.contains(ENGINE) {
            none.things.extend(self.parts.iter().filter(counted).map(|part| part.name.get_ref().clone()));
        }
        none
    }

    /// The key of the entry that wants a chip.
    fn power_key(&self, name: &str) -> Option<&Spanned<bool>> {
        if name == ENGINE {
            return self.engine.as_ref()?.loses_power_in_sleep.as_ref();
        }
        if name == ENGINE_CONTROLLER {
            return self.engine_controller.as_ref()?.loses_power_in_sleep.as_ref();
        }
        let supplies = self.supplies.iter().map(|entry| (&entry.name, &entry.loses_power_in_sleep));
        let parts = self.parts.iter().map(|entry| (&entry.name, &entry.loses_power_in_sleep));
        let sensors = self.temperatures.iter().map(|entry| (&entry.name, &entry.loses_power_in_sleep));
        let mut all = supplies.chain(parts).chain(sensors);
        all.find(|(entry, _)| entry.get_ref() == name).and_then(|(_, key)| key.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const BOARD: &str = r#"
backend = "simulated"
model = "m"
[[bus]]
name = "cartridges"
#bus
[[bus]]
name = "sensors"
[engine]
bus = "cartridges"
chip = "fm24cl64b"
address = 0x57
[[supply]]
name = "black"
bus = "cartridges"
chip = "24c02"
address = 0x50
#black
[[part]]
name = "drum"
life = "opc"
[[temperature]]
name = "cabinet"
bus = "sensors"
chip = "lm75"
address = 0x48
#cabinet
"#;
    const SLEEP: &str = "[[switch]]\nname = \"sleep\"\nmeaning = \"sleep\"\nline = 1\n";

    fn board(said: &[(&str, bool)]) -> BoardConfig {
        let text = said.iter().fold(format!("{BOARD}{SLEEP}"), |text, (place, loses)| {
            text.replace(&format!("#{place}"), &format!("loses-power-in-sleep = {loses}"))
        });
        parse(&text, Path::new("board.toml")).unwrap()
    }

    fn names(set: &BTreeSet<String>) -> Vec<&str> {
        set.iter().map(String::as_str).collect()
    }

    #[test]
    fn with_a_line_for_sleep_every_chip_loses_its_power_unless_the_file_says_otherwise() {
        let none = board(&[]).no_power_in_sleep();
        assert_eq!(names(&none.things), ["black", "cabinet", "drum", "engine"]);
        assert_eq!(names(&none.buses), ["cartridges", "sensors"]);
        assert!(board(&[]).said_to_lose_power().is_empty());
        let awake = parse(BOARD, Path::new("board.toml")).unwrap();
        assert!(awake.no_power_in_sleep().is_empty(), "nothing tells when it sleeps");
    }

    #[test]
    fn an_entry_goes_before_its_bus_and_a_bus_with_one_powered_chip_must_work() {
        let none = board(&[("cabinet", false)]).no_power_in_sleep();
        assert_eq!(names(&none.buses), ["cartridges"]);
        assert!(!none.things.contains("cabinet"));
        let none = board(&[("bus", false), ("black", true)]).no_power_in_sleep();
        assert_eq!(names(&none.things), ["black", "cabinet"]);
        assert_eq!(names(&none.buses), ["sensors"]);
        let said = board(&[("bus", true)]).said_to_lose_power();
        assert_eq!(names(&said.things), ["black", "drum", "engine"]);
    }
}
