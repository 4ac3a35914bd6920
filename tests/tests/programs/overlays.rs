//! The device tree overlays: built, applied to the Raspberry Pi device trees of Debian's kernels, read back,
//! and checked by dtc and by dtschema against the kernel's bindings. And the package's script that takes them
//! to where the firmware reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use platen_tests::rigs::debian::root;
use platen_tests::rigs::process::{run, run_ok};
use tempfile::TempDir;

/// A model of Raspberry Pi, and what it is tried on.
struct Model {
    name: &'static str,
    /// A device tree, by the suite whose kernel has it.
    tree: &'static str,
    overlays: &'static [&'static str],
    /// The label of the header's GPIO controller.
    gpio: &'static str,
    /// What is read of the second bus beside its pins: a property and its value.
    sensors_speed: (&'static str, &'static str),
    /// The function of the second bus's pins.
    sensors_function: &'static str,
}

const MODELS: [Model; 4] = [
    Model {
        name: "Raspberry Pi 3 B",
        tree: "bookworm-backports/bcm2837-rpi-3-b.dtb",
        overlays: &["platen-pi3"],
        gpio: "gpio",
        sensors_speed: ("i2c-gpio,delay-us", "5"),
        sensors_function: "gpio_in",
    },
    Model {
        name: "Raspberry Pi 3 B+",
        tree: "bookworm-backports/bcm2837-rpi-3-b-plus.dtb",
        overlays: &["platen-pi3", "platen-pi3-plus"],
        gpio: "gpio",
        sensors_speed: ("i2c-gpio,delay-us", "5"),
        sensors_function: "gpio_in",
    },
    Model {
        name: "Raspberry Pi 4 B",
        tree: "bookworm-backports/bcm2711-rpi-4-b.dtb",
        overlays: &["platen-pi4"],
        gpio: "gpio",
        sensors_speed: ("clock-frequency", "100000"),
        sensors_function: "alt5",
    },
    Model {
        name: "Raspberry Pi 5",
        // Debian 12's kernel has no header on this model yet.
        tree: "trixie-backports/bcm2712-rpi-5-b.dtb",
        overlays: &["platen-pi5", "platen-pi5-mainline"],
        gpio: "rp1_gpio",
        sensors_speed: ("clock-frequency", "100000"),
        sensors_function: "i2c3",
    },
];

/// For every model.
const OPTIONS: [&str; 2] = ["platen-mux", "platen-reserve"];

/// Our lines: GPIO, pin of the header, name, pull.
const LINES: [(usize, u8, &str, &str); 14] = [
    (5, 29, "PLATEN_COVER", "bias-pull-up"),
    (6, 31, "PLATEN_INTERLOCK", "bias-pull-up"),
    (12, 32, "PLATEN_BUZZER", "bias-pull-down"),
    (13, 33, "PLATEN_SERVICE_LAMP", "bias-pull-down"),
    (16, 36, "PLATEN_PAPER_LOW", "bias-pull-up"),
    (17, 11, "PLATEN_JAM", "bias-pull-up"),
    (18, 12, "PLATEN_PAGE_EXIT", "bias-pull-up"),
    (19, 35, "PLATEN_PAPER_EMPTY", "bias-pull-up"),
    (20, 38, "PLATEN_WASTE_PRESENT", "bias-pull-up"),
    (21, 40, "PLATEN_WASTE_FULL", "bias-pull-up"),
    (24, 18, "PLATEN_SLEEP", "bias-pull-up"),
    (25, 22, "PLATEN_I2C_RECOVER", "bias-pull-up"),
    (26, 37, "PLATEN_SERVICE_BUTTON", "bias-pull-up"),
    (27, 13, "PLATEN_ORDER_BUTTON", "bias-pull-up"),
];

/// What tests/device-trees/fetch.sh fetches, once for all tests.
fn fetched() -> PathBuf {
    let said = run_ok(&mut Command::new(root().join("tests/device-trees/fetch.sh")), "");
    PathBuf::from(said.trim_end())
}

/// The overlays, built for this test.
fn build() -> TempDir {
    let folder = TempDir::new().unwrap();
    run_ok(Command::new(root().join("scripts/overlays.sh")).arg(folder.path()), "");
    folder
}

/// A device tree in a file, read with `fdtget`.
struct Tree(PathBuf);

impl Tree {
    fn fdtget(&self, options: &[&str], what: &[&str]) -> String {
        let mut command = Command::new("fdtget");
        run_ok(command.args(options).arg(&self.0).args(what), "").trim_end_matches('\n').to_owned()
    }

    fn text(&self, node: &str, property: &str) -> String {
        self.fdtget(&["-t", "s"], &[node, property])
    }

    fn number(&self, node: &str, property: &str) -> String {
        self.fdtget(&["-t", "u"], &[node, property])
    }

    /// Each string of a list; one may be empty.
    fn list(&self, node: &str, property: &str) -> Vec<String> {
        self.text(node, property).split(' ').map(str::to_owned).collect()
    }

    fn has(&self, node: &str, property: &str) -> bool {
        self.fdtget(&["-p"], &[node]).lines().any(|line| line == property)
    }

    fn children(&self, node: &str) -> Vec<String> {
        self.fdtget(&["-l"], &[node]).lines().map(str::to_owned).collect()
    }

    fn by_label(&self, label: &str) -> String {
        self.text("/__symbols__", label)
    }

    fn by_alias(&self, alias: &str) -> String {
        self.text("/aliases", alias)
    }
}

/// Applies overlays in their order.
fn apply(tree: &Path, overlays: &Path, names: &[&str], to: &Path) -> std::process::Output {
    let files = names.iter().map(|name| overlays.join(format!("{name}.dtbo")));
    run(Command::new("fdtoverlay").arg("-i").arg(tree).arg("-o").arg(to).args(files), "")
}

fn applied(model: &Model, options: &[&str], to: &Path) -> Tree {
    let overlays = build();
    let names: Vec<&str> = model.overlays.iter().chain(options).copied().collect();
    let output = apply(&fetched().join(model.tree), overlays.path(), &names, to);
    assert!(output.status.success(), "{}: {}", model.name, String::from_utf8_lossy(&output.stderr));
    println!("{}: {} on {}", model.name, names.join(", "), model.tree);
    Tree(to.to_owned())
}

fn check_buses(model: &Model, tree: &Tree) {
    let cartridges = tree.by_alias("i2c1");
    assert_eq!(tree.text(&cartridges, "status"), "okay", "{}", model.name);
    assert_eq!(tree.number(&cartridges, "clock-frequency"), "100000", "{}", model.name);
    let sensors = tree.by_alias("i2c3");
    assert_eq!(tree.text(&sensors, "status"), "okay", "{}", model.name);
    assert_eq!(tree.number(&sensors, model.sensors_speed.0), model.sensors_speed.1, "{}", model.name);
    let pins = tree.by_label("platen_sensors_pins");
    assert_eq!(tree.number(&sensors, "pinctrl-0"), tree.number(&pins, "phandle"), "{}", model.name);
    // On the BCM chips pins stand a level deeper.
    let pins = tree.children(&pins).first().map_or(pins.clone(), |child| format!("{pins}/{child}"));
    assert_eq!(tree.list(&pins, "pins"), ["gpio22", "gpio23"], "{}", model.name);
    assert_eq!(tree.text(&pins, "function"), model.sensors_function, "{}", model.name);
    assert!(tree.has(&pins, "bias-pull-up"), "{}", model.name);
    // No two aliases of a number may be one controller: the kernel would take either.
    let ours = [&cartridges, &sensors];
    let aliases = tree.fdtget(&["-p"], &["/aliases"]);
    let numbers = aliases.lines().filter(|alias| alias.starts_with("i2c"));
    let doubled: Vec<&str> = numbers.filter(|alias| ours.contains(&&tree.by_alias(alias))).collect();
    assert_eq!(doubled.len(), ours.len(), "{}: {doubled:?}", model.name);
    println!("{}: i2c-1 is {cartridges}, i2c-3 is {sensors}", model.name);
}

fn check_lines(model: &Model, before: &Tree, tree: &Tree) {
    let gpio = tree.by_label(model.gpio);
    let names = tree.list(&gpio, "gpio-line-names");
    let ours: BTreeMap<usize, &str> = LINES.iter().map(|line| (line.0, line.2)).collect();
    for (offset, name) in &ours {
        assert_eq!(&names[*offset], name, "{}: GPIO {offset}", model.name);
    }
    assert_eq!(names.iter().filter(|name| name.starts_with("PLATEN_")).count(), ours.len());
    if before.has(&gpio, "gpio-line-names") {
        let were = before.list(&gpio, "gpio-line-names");
        assert_eq!(names.len(), were.len(), "{}", model.name);
        for (offset, was) in were.iter().enumerate().filter(|(offset, _)| !ours.contains_key(offset)) {
            assert_eq!(&names[offset], was, "{}: GPIO {offset} lost its name", model.name);
        }
    } else {
        assert_eq!(names.len(), 54, "{}: the tree has no names; the controller has 54 lines", model.name);
    }
    let state = tree.by_label("platen_lines");
    assert_eq!(tree.number(&gpio, "pinctrl-0"), tree.number(&state, "phandle"), "{}", model.name);
    assert_eq!(tree.text(&gpio, "pinctrl-names"), "default", "{}", model.name);
    let mut pulls = BTreeMap::new();
    for group in tree.children(&state) {
        let group = format!("{state}/{group}");
        let pull =
            ["bias-pull-up", "bias-pull-down"].into_iter().find(|pull| tree.has(&group, pull)).unwrap();
        for pin in tree.list(&group, "pins") {
            let offset: usize = pin.strip_prefix("gpio").unwrap().parse().unwrap();
            assert_eq!(pulls.insert(offset, pull), None, "{}: {pin} is in two groups", model.name);
        }
    }
    let wanted: BTreeMap<usize, &str> = LINES.iter().map(|line| (line.0, line.3)).collect();
    assert_eq!(pulls, wanted, "{}", model.name);
    println!("{}: {} lines named and pulled", model.name, pulls.len());
}

#[test]
fn every_overlay_is_built_and_a_warning_ends_the_build() {
    let built = build();
    let expected = MODELS.iter().flat_map(|model| model.overlays).chain(&OPTIONS);
    for name in expected {
        assert!(built.path().join(format!("{name}.dtbo")).is_file(), "{name}");
    }
    let copy = TempDir::new().unwrap();
    run_ok(
        Command::new("cp").arg("-r").args([root().join("dts"), root().join("scripts")]).arg(copy.path()),
        "",
    );
    // A unit address without a register: dtc warns, and goes on.
    let file = copy.path().join("dts/platen-mux.dtso");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("reg = <0x70>;", "")).unwrap();
    let output = run(Command::new(copy.path().join("scripts/overlays.sh")).arg(copy.path().join("out")), "");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert!(!output.status.success() && said.contains("Warning"), "{said}");
    assert!(!copy.path().join("out/platen-mux.dtbo").exists());
}

#[test]
fn each_model_gets_its_buses_its_lines_and_their_pulls() {
    for model in &MODELS {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tree = applied(model, &[], file.path());
        check_buses(model, &tree);
        check_lines(model, &Tree(fetched().join(model.tree)), &tree);
    }
}

#[test]
fn the_multiplexer_and_the_reserved_chips_come_to_any_model() {
    for model in &MODELS {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tree = applied(model, &OPTIONS, file.path());
        let chips: BTreeSet<String> =
            ["i2c1", "i2c3"].iter().flat_map(|bus| tree.children(&tree.by_alias(bus))).collect();
        let expected =
            "adc@49 eeprom@50 eeprom@51 eeprom@52 eeprom@53 eeprom@57 i2c-mux@70 temperature-sensor@48";
        assert_eq!(chips, expected.split(' ').map(str::to_owned).collect(), "{}", model.name);
        let mux = format!("{}/i2c-mux@70", tree.by_alias("i2c1"));
        assert_eq!(tree.children(&mux).len(), 8, "{}: a PCA9548 has 8 channels", model.name);
    }
}

/// What dt-validate and dtc say of a tree. The file's name stands in each line, so that it must be the same for
/// trees that are compared.
fn validate(tree: &Path) -> BTreeSet<String> {
    let folder = TempDir::new().unwrap();
    fs::copy(tree, folder.path().join("tree.dtb")).unwrap();
    let tools = fetched();
    let output = run(
        Command::new(tools.join("venv/bin/python"))
            // Its first line names the folder in which it was installed, and the cache has moved it since.
            .arg(tools.join("venv/bin/dt-validate"))
            .args(["--show-unmatched", "--schema"])
            .arg(tools.join("schema.json"))
            .arg("tree.dtb")
            .current_dir(folder.path()),
        "",
    );
    assert!(!String::from_utf8_lossy(&output.stderr).contains("Traceback"), "{output:?}");
    let by_dtc = run(
        Command::new("dtc")
            .args(["-I", "dtb", "-O", "dtb", "-o", "/dev/null", "tree.dtb"])
            .current_dir(folder.path()),
        "",
    );
    let said = [&output.stdout, &output.stderr, &by_dtc.stderr]
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .concat();
    // An explanation stands in a line of its own, indented.
    said.lines().filter(|line| !line.starts_with('\t')).map(str::to_owned).collect()
}

#[test]
fn the_kernels_bindings_find_nothing_new_in_the_trees() {
    for model in &MODELS {
        let file = tempfile::NamedTempFile::new().unwrap();
        let tree = applied(model, &OPTIONS, file.path());
        let before = validate(&fetched().join(model.tree));
        let after = validate(&tree.0);
        let new: Vec<&String> = after.difference(&before).collect();
        println!("{}: {} remarks on Debian's tree, {} new ones", model.name, before.len(), new.len());
        assert_eq!(new, Vec::<&String>::new(), "{}", model.name);
    }
}

#[test]
fn the_check_by_the_bindings_sees_a_fault() {
    let model = &MODELS[3];
    let file = tempfile::NamedTempFile::new().unwrap();
    let tree = applied(model, &OPTIONS, file.path());
    let before = validate(&tree.0);
    let faults = [
        (format!("{}/adc@49", tree.by_alias("i2c3")), "s", "compatible", "ti,ads1119"),
        (tree.by_label("platen_sensors_pins"), "s", "function", "i2c9"),
        (format!("{}/eeprom@50", tree.by_alias("i2c1")), "s", "pagesise", "8"),
        (format!("{}/eeprom@51", tree.by_alias("i2c1")), "u", "reg", "80"),
    ];
    for (node, kind, property, value) in faults {
        let wrong = tempfile::NamedTempFile::new().unwrap();
        fs::copy(&tree.0, wrong.path()).unwrap();
        run_ok(
            Command::new("fdtput").args(["-t", kind]).arg(wrong.path()).args([&node, property, value]),
            "",
        );
        let after = validate(wrong.path());
        let new: Vec<&String> = after.difference(&before).collect();
        println!("{property} = {value}: {new:?}");
        assert!(!new.is_empty(), "{node} {property} = {value} is not seen");
    }
}

#[test]
fn a_tree_without_the_header_refuses_the_overlay() {
    let overlays = build();
    let tree = fetched().join("bookworm-backports/bcm2712-rpi-5-b.dtb");
    assert!(!Tree(tree.clone()).has("/__symbols__", "rp1_gpio"), "Debian 12's kernel has the header: try it");
    let to = TempDir::new().unwrap();
    let output = apply(&tree, overlays.path(), &["platen-pi5"], &to.path().join("tree.dtb"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert!(!output.status.success() && said.contains("FDT_ERR_NOTFOUND"), "{said}");
}

#[test]
fn the_wiring_table_says_what_the_overlays_do() {
    let text = fs::read_to_string(root().join("docs/raspberry-pi.md")).unwrap();
    let row = |line: &str| -> Option<(usize, u8, String, String)> {
        let cells: Vec<&str> = line.strip_prefix("| `PLATEN_")?.split('|').map(str::trim).collect();
        let name = format!("PLATEN_{}", cells[0].trim_end_matches('`'));
        Some((cells[1].parse().ok()?, cells[2].parse().ok()?, name, format!("bias-pull-{}", cells[3])))
    };
    let mut rows: Vec<_> = text.lines().filter_map(row).collect();
    rows.sort();
    let wanted: Vec<_> =
        LINES.iter().map(|line| (line.0, line.1, line.2.to_owned(), line.3.to_owned())).collect();
    assert_eq!(rows, wanted);
}

/// Runs the package's script on a system below a folder.
fn install_overlays(system: &Path) -> std::process::Output {
    let script = root().join("packaging/debian/install-overlays");
    run(Command::new(script).env("DPKG_ROOT", system), "")
}

fn system_with(overlays: &[(&str, &str)], boot: &[&str]) -> TempDir {
    let system = TempDir::new().unwrap();
    let source = system.path().join("usr/share/platen/overlays");
    fs::create_dir_all(&source).unwrap();
    for (name, text) in overlays {
        fs::write(source.join(name), text).unwrap();
    }
    for path in boot {
        let path = system.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    system
}

#[test]
fn the_package_copies_the_overlays_to_where_the_firmware_reads_them() {
    let ours = [("platen-pi4.dtbo", "new")];
    // Where the folder is on Debian 12, on Debian 12 without any overlay, and before; a notice is no boot folder.
    let layouts: [(&[&str], &str); 3] = [
        (
            &["boot/firmware/config.txt", "boot/firmware/overlays/platen-pi4.dtbo", "boot/config.txt"],
            "boot/firmware",
        ),
        (&["boot/firmware/config.txt"], "boot/firmware"),
        (&["boot/config.txt", "boot/overlays/README"], "boot"),
    ];
    for (boot, expected) in layouts {
        let system = system_with(&ours, boot);
        let copy = system.path().join(expected).join("overlays/platen-pi4.dtbo");
        for run in 1..=2 {
            let output = install_overlays(system.path());
            assert!(output.status.success(), "{boot:?}: {}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(fs::read_to_string(&copy).unwrap(), "new", "{boot:?}, run {run}");
        }
        let beside: Vec<_> =
            fs::read_dir(copy.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(!beside.iter().any(|name| name.to_string_lossy().ends_with(".new")), "{beside:?}");
    }
}

#[test]
fn an_overlay_that_cannot_be_copied_is_told_and_leaves_the_old_one() {
    let system = system_with(&[("platen-pi4.dtbo", "new")], &["boot/firmware/config.txt"]);
    let overlays = system.path().join("boot/firmware/overlays");
    // A folder in the place of the new file fails as a full file system does, for root too.
    fs::create_dir_all(overlays.join("platen-pi4.dtbo.new/full")).unwrap();
    fs::create_dir_all(overlays.join("platen-pi4.dtbo.new/platen-pi4.dtbo")).unwrap();
    fs::write(overlays.join("platen-pi4.dtbo"), "old").unwrap();
    let output = install_overlays(system.path());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    assert!(!output.status.success() && said.contains("is there room in"), "{said}");
    assert_eq!(fs::read_to_string(overlays.join("platen-pi4.dtbo")).unwrap(), "old");
}

#[test]
fn a_machine_that_is_no_raspberry_pi_gets_no_overlays() {
    let system = system_with(&[("platen-pi4.dtbo", "new")], &["boot/vmlinuz"]);
    let output = install_overlays(system.path());
    assert!(output.status.success());
    assert!(!system.path().join("boot/firmware").exists() && !system.path().join("boot/overlays").exists());
}
