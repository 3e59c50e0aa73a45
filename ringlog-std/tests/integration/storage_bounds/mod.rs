//! Numbers and bytes that no writer stores: refused or harmless, at a bounded cost.

mod numbers;
pub(crate) mod support;
