//! An image starts at its operation: what that does not reach, the linker leaves out.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-eoperation");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // No start-up code, which would ask for a `main`; the C library for `memcpy`.
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
        println!("cargo:rustc-link-arg-bins=-lc");
    }
}
