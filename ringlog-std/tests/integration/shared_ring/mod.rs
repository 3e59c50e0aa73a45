//! Rings in files: their roles, what others may have done to the files, and where a log continues with one.

mod damage;
mod give_up;
mod resume;
mod roles;
mod schemas;
mod scribble;
mod support;
