//! A server that loses, delays and refuses.
