//! Model checks of the ring. See `tests/`.
