//! Copies a payload. A short one needs no call, so that the hot path keeps its registers.
#![forbid(unsafe_code)]

/// The longest payload that is copied without a call of `memcpy`, in bytes.
const SHORT: usize = 64;

/// Copies `from` to `to`, which has the same length.
///
/// Copies up to [`SHORT`] bytes as the first and the last words of the slice, which overlap in the middle.
#[inline(always)]
pub(crate) fn copy(to: &mut [u8], from: &[u8]) {
    debug_assert!(to.len() == from.len());
    if cfg!(all(target_pointer_width = "64", not(feature = "small-copy"))) && from.len() <= SHORT {
        copy_short(to, from);
    } else {
        to.copy_from_slice(from);
    }
}

#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    if from.len() >= 32 {
        copy_ends::<32>(to, from);
    } else if from.len() >= 16 {
        copy_ends::<16>(to, from);
    } else if from.len() >= 8 {
        copy_ends::<8>(to, from);
    } else {
        for (to, from) in to.iter_mut().zip(from) {
            *to = *from;
        }
    }
}

/// Copies the first and the last `N` bytes of slices of `N` to `2 * N` bytes.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(to), Some(from)) = (to.first_chunk_mut::<N>(), from.first_chunk::<N>()) {
        *to = *from;
    }
    if let (Some(to), Some(from)) = (to.last_chunk_mut::<N>(), from.last_chunk::<N>()) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole() {
        let from: [u8; 80] = core::array::from_fn(|index| index as u8 + 1);
        for len in 0..=from.len() {
            let mut to = [0; 80];
            copy(&mut to[..len], &from[..len]);
            assert_eq!((&to[..len], &to[len..]), (&from[..len], &[0; 80][len..]), "{len} bytes");
        }
    }
}
