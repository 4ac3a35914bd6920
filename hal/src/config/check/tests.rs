//! Each rule, by a board that breaks it: the line that is named, and a word of the remedy.

use std::path::Path;

use crate::config::parse;

/// A board that is right.
pub(crate) const GOOD: &str = r#"
backend = "linux"
model = "Desk printer"
[[bus]]
name = "main"
device = "/dev/i2c-1"
[[supply]]
name = "black"
bus = "main"
chip = "24c02"
address = 0x50
[[temperature]]
name = "ambient"
bus = "main"
chip = "lm75"
address = 0x48
[[switch]]
name = "cover"
meaning = "cover"
gpio = "/dev/gpiochip0"
line = 17
active = "low"
[service-lamp]
gpio = "/dev/gpiochip0"
line = "SERVICE_LAMP"
"#;

/// Entries of the rest of the whole printer; with [`GOOD`] before them they are right.
const MORE: &str = r#"[buzzer]
line = "BUZZER"
[engine]
bus = "main"
chip = "fm24cl64b"
address = 0x57
[engine-controller]
bus = "main"
address = 0x20
[[bus]]
name = "sensors"
adapter = "i2c-1-mux (chan_id 2)"
behind = { bus = "main", address = 0x70, channel = 2 }
recover = { line = "RECOVER", active = "low" }
deadline-ms = 500
[[supply]]
name = "hopper"
type = "toner"
colorant = "black"
part-number = "TN-1 (black)"
set-pages = 200
[supply.sensor]
bus = "sensors"
chip = "ads1115"
address = 0x49
channel = 0
curve = [[400, 0], [2600, 100]]
[[supply]]
name = "waste"
class = "receptacleThatIsFilled"
[[switch]]
name = "waste-full"
meaning = "waste-full"
line = "WASTE_FULL"
supply = "waste"
[[part]]
name = "drum"
life = "opc"
set-percent = 5
[[temperature]]
name = "fuser"
role = "fuser"
under-celsius = 10
over-celsius = 210
[temperature.sensor]
bus = "sensors"
chip = "ads1115"
address = 0x49
channel = 2
curve = [[200, 250], [1000, 120], [3000, -20]]
[[switch]]
name = "exit"
meaning = "page-exit"
line = "EXIT"
"#;

fn refusal(text: &str) -> String {
    parse(text, Path::new("board.toml")).unwrap_err().to_string()
}

/// Each case is a part of the whole board, what it becomes, how the line begins that the message names, and
/// words of the message.
fn all_are_refused(cases: &[(&str, &str, &str, &str)]) {
    let whole = format!("{GOOD}{MORE}");
    for (from, to, line, words) in cases {
        assert!(whole.contains(from), "the board has no {from:?}");
        let broken = whole.replacen(from, to, 1);
        let message = refusal(&broken);
        let number = message.split(':').nth(1).and_then(|number| number.parse::<usize>().ok()).unwrap();
        let named = broken.lines().nth(number - 1).unwrap();
        assert!(named.starts_with(line), "{to}: {message} names {named}");
        assert!(message.contains(words), "{to}: {message}");
    }
}

#[test]
fn the_boards_of_these_tests_are_right() {
    parse(GOOD, Path::new("board.toml")).unwrap();
    parse(&format!("{GOOD}{MORE}"), Path::new("board.toml")).unwrap();
}

#[test]
fn words_and_names_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("name = \"black\"", "name = \"Black toner\"", "name = \"Black toner\"", "a-z"),
        ("name = \"cover\"", "name = \"black\"", "name = \"black\"", "already"),
        ("name = \"black\"", "name = \"engine\"", "name = \"engine\"", "another name"),
        ("backend = \"linux\"", "backend = \"windows\"", "backend", "simulated"),
        ("\"24c02\"", "\"24c99\"", "chip = \"24c99\"", "24c02"),
    ]);
}

#[test]
fn buses_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("device = \"/dev/i2c-1\"", "", "name = \"main\"", "/dev/i2c-1"),
        ("name = \"sensors\"", "name = \"main\"", "name = \"main\"", "already"),
        ("adapter =", "device = \"/dev/i2c-2\"\nadapter =", "adapter", "take one of them out"),
        ("deadline-ms = 500", "deadline-ms = 10", "deadline-ms", "20 to 10000"),
        ("deadline-ms = 500", "deadline-ms = 10001", "deadline-ms", "20 to 10000"),
        (
            "bus = \"main\", address = 0x70",
            "bus = \"mian\", address = 0x70",
            "behind",
            "there are: main, sensors",
        ),
        ("address = 0x70", "address = 0x78", "behind", "0x70 to 0x77"),
        ("channel = 2 }", "channel = 8 }", "behind", "channels 0 to 7"),
        ("bus = \"main\", address = 0x70", "bus = \"sensors\", address = 0x70", "behind", "behind itself"),
    ]);
    let twice = "[[bus]]\nname = \"third\"\ndevice = \"/dev/i2c-9\"\nbehind = { bus = \"main\", address = 0x70, channel = 2 }\n";
    let message = refusal(&format!("{GOOD}{MORE}{twice}"));
    assert!(message.contains("another bus is behind channel 2"), "{message}");
}

#[test]
fn chips_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("0x48", "0x20", "address = 0x20", "0x48 to 0x4f"),
        (
            "bus = \"main\"\nchip = \"24c02\"",
            "bus = \"mian\"\nchip = \"24c02\"",
            "bus = \"mian\"",
            "there are: main",
        ),
        ("address = 0x57", "address = 0x50", "address = 0x50", "black and engine both have the address 0x50"),
        ("chip = \"fm24cl64b\"", "chip = \"24c01\"", "bus = \"main\"", "needs 256 bytes"),
        ("address = 0x20", "address = 0x28", "address = 0x28", "0x20 to 0x27"),
        (
            "bus = \"main\"\naddress = 0x20",
            "bus = \"mian\"\naddress = 0x20",
            "bus = \"mian\"",
            "engine-controller is on",
        ),
        ("channel = 0", "channel = 4", "channel = 4", "0 to 3"),
        ("channel = 2\ncurve", "channel = 0\ncurve", "channel = 0", "both have the channel 0"),
        ("address = 0x49", "address = 0x48", "address = 0x48", "connects the bus sensors with the bus main"),
    ]);
}

#[test]
fn supplies_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("address = 0x50", "address = 0x50\nset-percent = 130", "set-percent", "0 to 100"),
        ("set-pages = 200", "set-pages = 0", "set-pages", "1 to 1000000"),
        ("set-pages = 200", "set-days = 9999", "set-days", "1 to 3650"),
        ("chip = \"24c02\"\n", "", "name = \"black\"", "`bus`, `chip` and `address`"),
        (
            "set-pages = 200",
            "bus = \"main\"\nchip = \"24c02\"\naddress = 0x51",
            "bus = \"sensors\"",
            "a memory and a `sensor`",
        ),
        ("meaning = \"waste-full\"", "meaning = \"jam\"", "name = \"waste\"", "nothing measures waste"),
        ("class = \"receptacleThatIsFilled\"\n", "", "name = \"waste\"", "receptacleThatIsFilled"),
        ("colorant = \"black\"", "colorant = \"blakc\"", "colorant", "colorant"),
        ("TN-1 (black)", "0123456789012345678901234567890123456789x", "part-number", "1 to 40"),
        ("TN-1 (black)", "TN\\t1", "part-number", "printable"),
        ("address = 0x50", "address = 0x50\nempty-at = 10000000", "empty-at", "0 to 9999999"),
        ("set-pages = 200", "empty-at = 100", "empty-at", "0 to 99"),
        ("set-pages = 200", "empty-at = -1", "empty-at", "-1"),
        (
            "class = \"receptacleThatIsFilled\"",
            "class = \"receptacleThatIsFilled\"\nempty-at = 1",
            "empty-at",
            "only switches tell of waste",
        ),
    ]);
}

#[test]
fn curves_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("[[400, 0], [2600, 100]]", "[[400, 0]]", "curve", "2 to 64 pairs"),
        ("[[400, 0], [2600, 100]]", "[[2600, 0], [400, 100]]", "curve", "sort its points"),
        ("[[400, 0], [2600, 100]]", "[[400, 0], [400, 100]]", "curve", "each once"),
        ("[[400, 0], [2600, 100]]", "[[400, 0], [900, 50], [2600, 10]]", "curve", "turns round"),
        ("[[400, 0], [2600, 100]]", "[[400, 0], [900, 50], [2600, 50]]", "curve", "turns round"),
        ("[[400, 0], [2600, 100]]", "[[400, 0], [2600, 101]]", "curve", "0 to 100"),
        ("[[400, 0], [2600, 100]]", "[[400, 0], [6000, 100]]", "curve", "5500 mV"),
        ("[[400, 0], [2600, 100]]", "[[400, nan], [2600, 100]]", "curve", "NaN"),
        ("[200, 250]", "[200, 900]", "curve", "-100 to 500"),
    ]);
}

#[test]
fn parts_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("life = \"opc\"\n", "", "name = \"drum\"", "nothing measures drum"),
        ("life = \"opc\"", "life = \"toner\"", "life", "feed rollers"),
        (
            "life = \"opc\"",
            "life = \"opc\"\nbus = \"main\"\nchip = \"24c02\"\naddress = 0x54",
            "life",
            "take one of them out",
        ),
        ("set-percent = 5", "set-percent = 101", "set-percent", "0 to 100"),
        (
            "set-percent = 5",
            "set-percent = 5\n[[part]]\nname = \"drum-2\"\nlife = \"opc\"",
            "life",
            "both have the life of opc",
        ),
        ("[engine]\nbus = \"main\"\nchip = \"fm24cl64b\"\naddress = 0x57\n", "", "life", "add [engine]"),
    ]);
}

#[test]
fn temperatures_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("over-celsius = 210", "over-celsius = 10", "over-celsius", "must be the higher one"),
        ("over-celsius = 210", "over-celsius = 600", "over-celsius", "-100 to 500"),
        ("chip = \"lm75\"\n", "", "name = \"ambient\"", "`bus`, `chip` and `address`"),
        (
            "bus = \"main\"\nchip = \"lm75\"\naddress = 0x48\n",
            "",
            "name = \"ambient\"",
            "nothing measures ambient",
        ),
    ]);
}

#[test]
fn lines_that_cannot_be_are_refused() {
    all_are_refused(&[
        ("line = 17", "line = \"SERVICE_LAMP\"", "line", "cover and the service lamp both have the line"),
        ("gpio = \"/dev/gpiochip0\"\nline = 17", "line = 17", "name = \"cover\"", "/dev/gpiochip0"),
        ("line = \"BUZZER\"", "line = 3", "[buzzer]", "the buzzer has no `gpio`"),
        ("line = \"RECOVER\"", "line = \"BUZZER\"", "recover", "recover line of sensors and the buzzer"),
        ("supply = \"waste\"", "supply = \"wsate\"", "name = \"waste\"", "nothing measures waste"),
        (
            "line = \"EXIT\"",
            "line = \"EXIT\"\nsupply = \"wsate\"",
            "supply",
            "there are: black, hopper, waste",
        ),
        (
            "line = \"EXIT\"",
            "line = \"EXIT\"\n[[switch]]\nname = \"exit-2\"\nmeaning = \"page-exit\"\nline = \"EXIT2\"",
            "name = \"exit-2\"",
            "one switch that is page-exit",
        ),
        (
            "line = \"EXIT\"",
            "line = \"EXIT\"\n[[switch]]\nname = \"box\"\nmeaning = \"waste-present\"\nline = \"BOX\"",
            "name = \"box\"",
            "by `supply`",
        ),
        ("line = \"BUZZER\"", "line = \"BUZZER\"\nbias = \"pull-up\"", "bias", "bias"),
    ]);
}

#[test]
fn a_simulation_that_cannot_be_is_refused() {
    let simulated = GOOD.replace("\"linux\"", "\"simulated\"");
    for (text, words) in [
        (format!("{GOOD}[simulation]\nseed = 1\n"), "a real board has no [simulation]"),
        (format!("{simulated}[simulation]\nspeed = 0\n"), "use 1 to 100000"),
        (format!("{simulated}[simulation]\nspeed = 100001\n"), "use 1 to 100000"),
        (format!("{simulated}[simulation]\nscenario = \"a\"\ntrace = \"b\"\n"), "take one of them out"),
    ] {
        let message = refusal(&text);
        assert!(
            message.starts_with(&format!(
                "board.toml:{}: ",
                GOOD.lines().count() + 1 + usize::from(words.contains("use 1"))
            )),
            "{message}"
        );
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn a_simulated_controller_that_cannot_be_is_refused() {
    let simulated = GOOD.replace("\"linux\"", "\"simulated\"");
    let with = format!("{simulated}[engine-controller]\nbus = \"main\"\naddress = 0x21\n");
    let refusal_of =
        |board: &str, engine: &str| refusal(&format!("{board}[simulation]\nengine = {engine}\n"));
    assert!(refusal_of(&simulated, "{ banks = 1 }").contains("add that, or take it out"));
    assert!(refusal_of(&with, "{ banks = 3 }").contains("1 or 2 banks"));
    assert!(refusal_of(&with, "{ pages = 7 }").contains("8 to 1024 pages"));
    assert!(refusal_of(&with, "{ model = \"an engine\" }").contains("names no engine"));
    assert!(refusal_of(&with, "{ page = 7 }").contains("page"));
    let right = format!("{with}[simulation]\nengine = {{ banks = 1, firmware = \"0.9\" }}\n");
    parse(&right, Path::new("board.toml")).unwrap();
}

#[test]
fn a_model_that_the_manager_would_not_take_is_refused() {
    for (model, words) in [("", "is empty"), ("Desk\\u0007", "U+0007"), (&"x".repeat(501), "501 characters")]
    {
        let message = refusal(&GOOD.replace("Desk printer", model));
        assert!(message.contains("the model") && message.contains(words), "{message}");
    }
}

#[test]
fn a_board_has_a_limit() {
    let switch = |n: usize| format!("[[switch]]\nname = \"s{n}\"\nmeaning = \"jam\"\nline = \"S{n}\"\n");
    let many: String = (0..65).map(switch).collect();
    assert!(refusal(&format!("{GOOD}{many}")).contains("at most 64"));
}

#[test]
fn power_that_nothing_tells_of_and_widths_that_no_counter_has_are_refused() {
    all_are_refused(&[
        (
            "device = \"/dev/i2c-1\"",
            "device = \"/dev/i2c-1\"\nloses-power-in-sleep = true",
            "loses-power-in-sleep",
            "nothing tells when the printer sleeps",
        ),
        (
            "life = \"opc\"",
            "life = \"opc\"\nloses-power-in-sleep = true",
            "loses-power-in-sleep",
            "the store of [engine]",
        ),
        (
            "class = \"receptacleThatIsFilled\"",
            "class = \"receptacleThatIsFilled\"\nloses-power-in-sleep = false",
            "loses-power-in-sleep",
            "no chip of its own",
        ),
        ("chip = \"fm24cl64b\"", "chip = \"fm24cl64b\"\nwraps-at = 9999", "wraps-at", "10000 to 4294967296"),
        (
            "chip = \"fm24cl64b\"",
            "chip = \"fm24cl64b\"\nwraps-at-of = { sheets = 4294967297 }",
            "wraps-at-of",
            "10000 to 4294967296",
        ),
    ]);
}
