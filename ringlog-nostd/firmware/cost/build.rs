//! An image starts at its operation: what that does not reach, the linker leaves out.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg-bins=-eoperation");
}
