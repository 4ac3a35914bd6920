//! How `platen-agent` is linked where it is built for controllers (and not for tests, which want to be linked quickly).

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=hot.ld");
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let linux = set("CARGO_CFG_TARGET_OS") == "linux" && set("CARGO_CFG_TARGET_ENV") == "gnu";
    // Cargo's name for all profiles that inherit from `release`.
    if !linux || set("PROFILE") != "release" {
        return;
    }
    let script = Path::new(&set("CARGO_MANIFEST_DIR")).join("hot.ld");
    for argument in [
        // What lies where, and that it has no tables for unwinding: a panic ends the program (`panic = "abort"`).
        format!("-Wl,-T,{}", script.display()),
        "-Wl,--no-eh-frame-hdr".to_owned(),
        // Addresses that the loader corrects take two bits instead of 24 bytes. glibc understands it from 2.36 on (Debian
        // 12); a linker that does not know it for its architecture says so and goes on without.
        "-Wl,-z,pack-relative-relocs".to_owned(),
    ] {
        println!("cargo::rustc-link-arg-bin=platen-agent={argument}");
    }
}
