//! Rings in files: their roles, what others may have done to the files, and where a log goes on with one.

#[path = "shared_ring/damage.rs"]
mod damage;
#[path = "shared_ring/resume.rs"]
mod resume;
#[path = "shared_ring/roles.rs"]
mod roles;
#[path = "shared_ring/support.rs"]
mod support;
