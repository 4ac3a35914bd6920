//! Every limit of trust metadata and programs has its name here.
//!
//! A device reads metadata before it knows who made it, so the limits hold before a signature is looked at. JSON that is
//! nested deeper than 128 levels is refused by `serde_json`.

use std::time::Duration;

/// The largest metadata document, in bytes; this is also the largest file of one role.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;
/// The most roots in one document: a device that was away for longer asks again with what it has learnt.
pub const MAX_ROOTS: usize = 32;
/// The most keys that one root names.
pub const MAX_KEYS: usize = 64;
/// The most keys of one role.
pub const MAX_KEYS_PER_ROLE: usize = 16;
/// The most signatures under one file.
pub const MAX_SIGNATURES: usize = 32;
/// The most programs in one targets file.
pub const MAX_PROGRAMS: usize = 1_000;

/// The longest name of a program, in characters.
pub const MAX_NAME_CHARS: usize = 64;
/// The longest version of a program, in characters.
pub const MAX_VERSION_CHARS: usize = 64;
/// The longest name of a kind, in characters.
pub const MAX_KIND_CHARS: usize = 32;
/// The most models or boards that one program names.
pub const MAX_HARDWARE: usize = 64;
/// The longest name of a model or board, in characters.
pub const MAX_HARDWARE_CHARS: usize = 64;
/// The largest program, in bytes.
pub const MAX_PROGRAM_BYTES: u64 = 1024 * 1024 * 1024;
/// The most space that a program may ask for beside its own file, in bytes.
pub const MAX_FREE_BYTES: u64 = 16 * 1024 * 1024 * 1024;
/// How soon a program may have to be confirmed at the earliest: a printer takes so long to start.
pub const MIN_CONFIRM_WITHIN: Duration = Duration::from_secs(60);
/// How long a device waits for a confirmation at most.
pub const MAX_CONFIRM_WITHIN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a device waits where the program does not say.
pub const DEFAULT_CONFIRM_WITHIN: Duration = Duration::from_secs(10 * 60);

/// The largest file in which a device keeps what it trusts, in bytes: four roles and a few numbers.
pub const MAX_TRUSTED_BYTES: usize = 2 * MAX_DOCUMENT_BYTES;
/// The largest file of a key, in bytes.
pub const MAX_KEY_FILE_BYTES: usize = 16 * 1024;
