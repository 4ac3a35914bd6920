//! The version of this agent.
//!
//! It stands in the executable as a field of fixed width, and whoever tells it reads it from there. So a package of another
//! version can be made from one that is built, by writing over that field: what an update needs two of is compiled once
//! (`tests/src/rigs/versions.rs`).

use std::hint::black_box;

/// What stands before the version.
const MARK: &str = "platen-agent version: ";
/// The field: the version, and room for a longer one.
const FIELD: &str =
    concat!("platen-agent version: ", env!("CARGO_PKG_VERSION"), "                                ");

/// The version, as it stands in the executable.
pub fn version() -> &'static str {
    // Otherwise the compiler would put the version that it knows wherever one is asked for.
    let field = black_box(FIELD);
    field.strip_prefix(MARK).unwrap_or(field).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_says_the_version_of_the_package() {
        assert_eq!(version(), env!("CARGO_PKG_VERSION"));
    }
}
