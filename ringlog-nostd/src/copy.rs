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

/// Copies bytes one by one, without a loop and without a call, and leaves it to the compiler to make words of them.
macro_rules! copy_each {
    ($to:ident, $from:ident: $($at:literal)*) => {
        $(if let (Some(to), Some(from)) = ($to.get_mut($at), $from.get($at)) {
            *to = *from;
        })*
    };
}

/// Copies a payload whose length the compiler knows.
#[inline(always)]
pub(crate) fn copy_array<const N: usize>(to: &mut [u8; N], from: &[u8; N]) {
    if cfg!(target_pointer_width = "64") || N > 32 {
        copy(to, from);
    } else {
        copy_each!(to, from: 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copies_array<const N: usize>() {
        let from: [u8; N] = core::array::from_fn(|index| index as u8 + 1);
        let mut to = [0; N];
        copy_array(&mut to, &from);
        assert_eq!(to, from);
    }

    #[test]
    fn arrays_are_copied_whole() {
        copies_array::<0>();
        copies_array::<1>();
        copies_array::<16>();
        copies_array::<31>();
        copies_array::<32>();
        copies_array::<33>();
        copies_array::<64>();
        copies_array::<255>();
    }

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
