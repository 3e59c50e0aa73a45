//! Makes an image start at its operation, so that the linker leaves out all code that the operation does not reach.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-eoperation");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // No start-up code, which would need a `main`. The C library has `memcpy`.
        println!("cargo:rustc-link-arg-bins=-nostartfiles");
        println!("cargo:rustc-link-arg-bins=-lc");
    }
}
