//! Puts `ringlog.x` on the linker's path, for firmware that names it by `-Tringlog.x`.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=ringlog.x");
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("none") {
        return;
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    fs::copy("ringlog.x", out.join("ringlog.x")).expect("cargo's folder takes a file");
    println!("cargo:rustc-link-search={}", out.display());
}
