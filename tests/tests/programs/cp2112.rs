//! The HAL's suite on Debian's stock kernel without hardware: `platen-sim` in a guest is the chip of the kernel's own
//! driver hid-cp2112, and the agent reads it by `/dev/i2c-N` and `/dev/gpiochipN`.

use std::cell::Cell;
use std::fs;
use std::time::Instant;

use platen_protocol::readings::Readings;
use platen_simulator::SimCommand;
use platen_tests::guests::{Guest, GuestFiles, GuestOptions};
use platen_tests::hal_suite::in_guest::{self, GuestEdge};
use platen_tests::hal_suite::{self, Kernel, Need, Rig};
use platen_tests::rigs::process::{program, until};

/// The driver reads the levels every 40 ms or so, and says of the first reading after it began that each line which is
/// not as it last knew it has just changed. Once so many readings have begun, the first is told.
const SETTLING_READS: u64 = 3;
/// The lines that platen-sim reads, as a file that stays open: its end would be the end of the input.
const START: &str = "
    rm -f /run/sim.in && mkfifo /run/sim.in
    (platen-sim --board /root/simulated.toml --control /run/sim.sock --write-board /etc/platen/board.toml \
        <>/run/sim.in >/run/sim.out 2>&1; echo \"ended $?\" >>/run/sim.out) &
    until grep -q -e ^ready -e ^ended /run/sim.out; do sleep 0.1; done
    cat /run/sim.out";

/// Somebody who waits for edges of a line that the board does not use, for as long as the guest lives.
///
/// The driver (Linux 6.12) stops reading the levels when the last line with edges is let go, and waits for a reading
/// that is under way although it must not sleep there (`cancel_delayed_work_sync` in `cp2112_gpio_irq_shutdown`, under
/// the lock of `free_irq`): the kernel says "scheduling while atomic", and the program that let go crashes.
const HOLD_A_LINE: &str = "gpiomon gpiochip0 4 >/dev/null 2>&1 &";
/// The agent reads only: it never comes to ask this manager.
const AGENT: &str = "device = \"guest\"\n[uplink]\nmanager = \"https://manager.invalid\"\n";

/// The suite's board, as far as a CP2112 goes; platen-sim puts its own devices for these.
fn board() -> String {
    let nowhere = Kernel { buses: ["/dev/null", "/dev/null"], behind: None, gpio: "/dev/null" };
    let text = hal_suite::board_file(Some(nowhere));
    // Its line is needed for [`HOLD_A_LINE`], and at 40 ms a reading pages would be lost.
    text.split("\n[[").filter(|entry| !entry.contains("page-exit")).collect::<Vec<_>>().join("\n[[")
}

/// A guest in which platen-sim runs.
struct Bench {
    guest: Guest,
    gpio: String,
}

impl Bench {
    fn boot() -> Self {
        let files = GuestFiles::pc().unwrap();
        let guest = Guest::boot(&files, &GuestOptions::default()).unwrap();
        for name in ["platen-sim", "platen-agent", "platen"] {
            guest.push_file(&program(name), &format!("/usr/bin/{name}")).unwrap();
        }
        let bench = Self { guest, gpio: String::new() };
        bench.write("/root/simulated.toml", &board());
        bench.write("/etc/platen/agent.toml", AGENT);
        bench
    }

    /// Starts the printer; what it says.
    fn start(&mut self) -> String {
        let said = self.check(START);
        assert!(said.contains("ready"), "{said}");
        self.gpio = device(&said, "lines: ");
        let bus = device(&said, "bus main: ");
        self.check(&format!("test -c {bus} -a -c {}", self.gpio));
        said
    }

    fn write(&self, to: &str, text: &str) {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        self.guest.push_file(file.path(), to).unwrap();
    }

    fn check(&self, command: &str) -> String {
        self.guest.check(command).unwrap()
    }

    /// Types a line to platen-sim; its answer.
    fn tell(&self, line: &str) -> String {
        // Each line is answered by one, which does not come before the line.
        let answer = self.check(&format!(
            "before=$(wc -l </run/sim.out)
             echo '{line}' >/run/sim.in
             until [ \"$(wc -l </run/sim.out)\" -gt \"$before\" ]; do sleep 0.01; done
             tail -n +$((before + 1)) /run/sim.out"
        ));
        assert!(!answer.contains("ended"), "{answer}");
        answer.trim().to_owned()
    }

    /// The number before some words of the bridge's figures.
    fn figure(&self, words: &str) -> u64 {
        let figures = self.tell("figures");
        let before = figures.split_once(words).unwrap_or_else(|| panic!("no {words:?} in {figures:?}")).0;
        before.split_whitespace().next_back().unwrap().parse().unwrap()
    }

    /// Waits until the driver has told of its first reading of the levels since the lines were taken.
    fn settle(&self) {
        let begin = self.figure("reads of the lines");
        until("the driver reads the lines", || {
            (self.figure("reads of the lines") >= begin + SETTLING_READS).then_some(())
        });
    }

    /// Microseconds of the guest's monotonic clock, which it rounds down to hundredths of a second.
    fn monotonic_us(&self) -> u64 {
        let uptime = self.check("cut -d' ' -f1 /proc/uptime");
        let (seconds, hundredths) = uptime.trim().split_once('.').unwrap();
        (seconds.parse::<u64>().unwrap() * 100 + hundredths.parse::<u64>().unwrap()) * 10_000
    }
}

/// The device file that platen-sim named behind a label.
fn device(said: &str, label: &str) -> String {
    let device = said.lines().find_map(|line| line.strip_prefix(label));
    device.unwrap_or_else(|| panic!("no {label:?} in: {said}")).trim().to_owned()
}

impl Rig for Bench {
    fn sample(&mut self) -> Readings {
        in_guest::read_board(&self.guest)
    }

    fn edges_during(&mut self, commands: &[SimCommand], expected: usize) -> Vec<(String, bool)> {
        let since = Cell::new(0);
        let act = || {
            self.settle();
            since.set(self.monotonic_us());
            for command in commands {
                self.act(command);
            }
            self.settle();
        };
        let later = |edge: &&GuestEdge| edge.at_us >= since.get();
        let edges = in_guest::edges(&self.guest, act, |seen| seen.iter().filter(later).count() >= expected);
        println!("edges: {edges:?}");
        edges.iter().filter(later).map(|edge| (edge.switch.clone(), edge.active)).collect()
    }

    fn lacks(&self) -> &[(Need, &'static str)] {
        &[
            (
                Need::ErrorKinds,
                "hid-cp2112 says ETIMEDOUT of a missing chip, a time limit and a held bus alike",
            ),
            (Need::Engine, "nobody has tried firmware over a CP2112 yet"),
            (Need::Multiplexer, "platen-sim has no adapters behind a multiplexer"),
            (Need::Outputs, "the printer that would see them is in another process"),
        ]
    }

    fn act(&self, command: &SimCommand) {
        let answer = self.tell(&serde_json::to_string(command).unwrap());
        assert!(answer.starts_with("done: "), "{answer}");
    }
}

/// Without the kernel's modules it says what to load. (The driver's own comes by itself when there is a device.)
fn says_what_is_missing(bench: &Bench) {
    let fail = |setup: &str| {
        bench.check(&format!("{setup}; ! timeout 40 platen-sim --board /root/simulated.toml </dev/null 2>&1"))
    };
    let said = fail("rm -f /dev/uhid");
    assert!(said.contains("sudo modprobe uhid"), "{said}");
    bench.check("modprobe uhid; udevadm trigger --settle --name-match=/dev/uhid || true");
    bench.check("test -c /dev/uhid || mknod -m 600 /dev/uhid c 10 239");
    bench.check("mv $(modinfo -n hid_cp2112) /root/");
    let said = fail("true");
    assert!(said.contains("sudo modprobe hid_cp2112"), "{said}");
    bench.check("mv /root/hid-cp2112.ko* $(dirname $(modinfo -n hid))");
    bench.check("modprobe -a hid_cp2112 i2c-dev");
    let door = |line| {
        format!(
            "[[switch]]\nname = \"door-{line}\"\nmeaning = \"cover\"\ngpio = \"/dev/null\"\nline = {line}\n"
        )
    };
    let many = (8..12).fold(board() + "\n", |board, line| board + &door(line));
    bench.write("/root/many.toml", &many);
    let said = bench.check("! timeout 40 platen-sim --board /root/many.toml </dev/null 2>&1");
    assert!(said.contains("drop 3") && said.contains("line = 11"), "{said}");
}

fn unplug(bench: &Bench) {
    bench.check("kill -TERM $(pidof platen-sim); until grep -q ^ended /run/sim.out; do sleep 0.1; done");
    let said = bench.check("tail -n 3 /run/sim.out");
    assert!(said.contains("unplugged") && said.contains("ended 0"), "{said}");
    bench.check(&format!("! test -e {} && ! test -e /dev/i2c-0", bench.gpio));
}

#[test]
fn the_suite_runs_on_a_stock_kernel_with_cp2112() {
    let begin = Instant::now();
    let step = |what: &str| println!("[{:>4} s] {what}", begin.elapsed().as_secs());
    step("the guest is built or found, and boots");
    let mut bench = Bench::boot();
    step("what is missing is said");
    says_what_is_missing(&bench);
    step("the printer is plugged in, and unplugged");
    println!("{}", bench.start());
    println!("{}", bench.check("i2cdetect -l; gpiodetect; i2cdetect -y -r 0"));
    unplug(&bench);
    step("it is plugged in again");
    bench.start();
    bench.check(HOLD_A_LINE);
    step("the HAL's suite runs on the kernel's devices");
    hal_suite::run(&mut bench);
    step("platen plays the printer by the control socket");
    let said = bench
        .check("platen --socket /run/sim.sock sim print 10; ! platen --socket /run/sim.sock status 2>&1");
    assert!(said.contains("10 pages printed") && said.contains("platen sim"), "{said}");
    step("the figures");
    println!("{}", bench.tell("figures"));
    assert!(bench.figure("transfers") > 0);
    assert_eq!(bench.figure("reports ignored"), 0, "the driver asks for nothing that the bridge cannot do");
    let messages = bench.check("dmesg");
    assert!(!messages.contains("BUG:") && !messages.contains("WARNING:"), "{messages}");
    step("done");
}
