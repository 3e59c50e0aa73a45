//! Numbers and bytes that no writer stores: refused or harmless, at a cost that is bounded.

mod numbers;
pub(crate) mod support;
