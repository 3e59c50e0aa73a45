//! Puts `../link/TARGET.x` on the linker's path, as `memory.x` of the run-time crate.

use std::{env, fs, path::PathBuf};

fn main() {
    let target = env::var("TARGET").expect("set by cargo");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo"));
    let script = format!("../link/{target}.x");
    println!("cargo:rustc-env=FIRMWARE_TARGET={target}");
    println!("cargo:rerun-if-changed={script}");
    println!("cargo:rerun-if-changed=build.rs");
    fs::copy(&script, out.join("memory.x")).unwrap_or_else(|error| panic!("{script}: {error}"));
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
    println!("cargo:rustc-link-arg-bins=--nmagic");
}
