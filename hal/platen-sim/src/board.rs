//! The board file that fits the bridges: the given one, with the buses, the GPIO chip and the lines as they are on
//! this machine.

use std::path::Path;

use platen_hal::config::LineRef;
use platen_simulator::lines::SimLine;
use toml::{Table, Value};

use crate::printer::LineMap;

/// Rewrites a board file for the kernel's devices. `buses` are the device files by the bus's name.
///
/// Whatever has a `line`, at any depth, gets the GPIO chip and the pin; comments are lost.
pub fn for_this_machine(
    text: &str,
    buses: &[(String, &Path)],
    gpio: &Path,
    layout: &[SimLine],
    map: &LineMap,
) -> Result<String, toml::de::Error> {
    let mut board: Table = toml::from_str(text)?;
    board.insert("backend".to_owned(), Value::from("linux"));
    for bus in board.get_mut("bus").and_then(Value::as_array_mut).into_iter().flatten() {
        let Some(bus) = bus.as_table_mut() else { continue };
        let device = buses.iter().find(|(name, _)| bus.get("name").and_then(Value::as_str) == Some(name));
        if let Some((_, device)) = device {
            // The name of another machine's adapter.
            bus.remove("adapter");
            bus.insert("device".to_owned(), Value::from(device.to_string_lossy().as_ref()));
        }
    }
    let pin_of =
        |line: &LineRef| layout.iter().position(|known| known.line == *line).and_then(|at| map.pin_of(at));
    board.iter_mut().for_each(|(_, value)| lay_lines(value, gpio, &pin_of));
    Ok(board.to_string())
}

fn lay_lines(value: &mut Value, gpio: &Path, pin_of: &dyn Fn(&LineRef) -> Option<usize>) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| lay_lines(value, gpio, pin_of)),
        Value::Table(table) => {
            let line = table.get("line").and_then(|line| line.clone().try_into().ok());
            if let Some(pin) = line.and_then(|line| pin_of(&line)).and_then(|pin| i64::try_from(pin).ok()) {
                table.insert("line".to_owned(), Value::from(pin));
                table.insert("gpio".to_owned(), Value::from(gpio.to_string_lossy().as_ref()));
            }
            table.iter_mut().for_each(|(_, value)| lay_lines(value, gpio, pin_of));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use platen_hal::config;
    use platen_simulator::SimPrinter;

    const BOARD: &str = r#"
backend = "simulated"
model = "Desk printer"
[[bus]]
name = "main"
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[switch]]
name = "cover"
meaning = "cover"
line = 0
[[switch]]
name = "service"
meaning = "service-button"
line = 17
[service-lamp]
line = "SERVICE_LAMP"
"#;

    #[test]
    fn a_simulated_board_becomes_one_of_the_kernel_with_its_files_and_pins() {
        let simulated = config::parse(BOARD, Path::new("board.toml")).unwrap();
        let layout = SimPrinter::new(&simulated).unwrap().line_layout();
        let map = LineMap::new(&layout).unwrap();
        let buses = [("main".to_owned(), Path::new("/dev/i2c-7"))];
        let board = for_this_machine(BOARD, &buses, Path::new("/dev/gpiochip1"), &layout, &map).unwrap();
        config::parse(&board, Path::new("board.toml")).unwrap_or_else(|e| panic!("{e}\n{board}"));
        let board: Table = toml::from_str(&board).unwrap();
        assert_eq!(board["backend"].as_str(), Some("linux"));
        assert_eq!(board["bus"][0]["device"].as_str(), Some("/dev/i2c-7"));
        let lines = [&board["switch"][0], &board["switch"][1], &board["service-lamp"]];
        assert_eq!(lines.map(|line| line["line"].as_integer()), [Some(0), Some(1), Some(2)]);
        assert!(lines.iter().all(|line| line["gpio"].as_str() == Some("/dev/gpiochip1")));
    }
}
