//! Every limit of the wire has its name here.

use std::time::Duration;

/// The largest body of a request on the device listener, in bytes.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
/// The largest reply that a device accepts, in bytes.
pub const MAX_REPLY_BYTES: usize = 256 * 1024;
/// The most reports in one batch.
pub const MAX_REPORTS_PER_BATCH: usize = 100;
/// The most runs of lost reports in one batch; what is left over follows in the next.
pub const MAX_LOST_PER_BATCH: usize = 100;
/// The most alerts that stand on one device and can be told in one report.
pub const MAX_STANDING_ALERTS: usize = 500;
/// The most commands in one reply; what is left over follows in the next.
pub const MAX_COMMANDS_PER_REPLY: usize = 50;
/// The most billing counters of one printer.
pub const MAX_BILLING_COUNTERS: usize = 64;
/// The most service calls, and the most orders, that a reply names as open: the newest.
pub const MAX_OPEN_PER_REPLY: usize = 100;
/// The longest text that a person enters at the device, in characters.
pub const MAX_MESSAGE_CHARS: usize = 500;
/// The longest text that no person enters, such as a description, a cause or a printer's model, in
/// characters.
pub const MAX_TEXT_CHARS: usize = 500;
/// The longest name of who inspects TLS at a site, in characters.
pub const MAX_INSPECTOR_CHARS: usize = 100;
/// The most of one supply in one order.
pub const MAX_ORDER_QUANTITY: u16 = 99;
/// The highest set value of a supply in pages.
pub const MAX_SET_PAGES: u32 = 1_000_000;
/// The highest set value of a supply in days: ten years.
pub const MAX_SET_DAYS: u32 = 3_650;
/// The most settings in one command.
pub const MAX_SETTINGS_PER_COMMAND: usize = 50;
/// The longest identifier (device, command, alert), in characters.
pub const MAX_ID_CHARS: usize = 64;
/// The longest that a manager holds a request, whatever `Prefer: wait` asks.
pub const MAX_WAIT: Duration = Duration::from_secs(240);
/// The wait that a device asks for when nothing else is known about its site: below the idle limit
/// of 60 s that many proxies have.
pub const DEFAULT_WAIT: Duration = Duration::from_secs(50);
/// The most trust metadata in one answer that carries a program, in bytes.
pub const MAX_METADATA_BYTES: u64 = 256 * 1024;
/// The largest program, in bytes: 1 GiB.
pub const MAX_PROGRAM_BYTES: u64 = 1024 * 1024 * 1024;
/// The most of an answer that carries a program that a device asks for at once, in bytes.
pub const MAX_PIECE_BYTES: u64 = 1024 * 1024;
/// The least that it asks for at once, in bytes, however little a proxy lets through.
pub const MIN_PIECE_BYTES: u64 = 64 * 1024;
/// The longest version of a program, in characters.
pub const MAX_VERSION_CHARS: usize = 64;
/// The longest name of a printer's model or a controller in a request for a program, in characters.
pub const MAX_MODEL_CHARS: usize = MAX_TEXT_CHARS;
/// The longest reason of an attempt's end, in characters.
pub const MAX_REASON_CHARS: usize = MAX_TEXT_CHARS;
/// The most programs that run and can be told in one request.
pub const MAX_RUNNING: usize = 50;
/// The most attempts in one request: the last.
pub const MAX_TRIED: usize = 20;
/// The most often that a device asks for programs by itself, in seconds: hourly.
pub const MIN_PROGRAMS_SECONDS: u32 = 3_600;
/// The least often that a device asks for programs, in seconds: every 30 days.
pub const MAX_PROGRAMS_SECONDS: u32 = 30 * 86_400;
