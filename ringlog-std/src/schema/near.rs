//! Finds the name that was meant.
#![forbid(unsafe_code)]

/// Returns the name that a wanted one may have been meant to be. Upper and lower case do not matter.
pub fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The comparison takes the product of both lengths.
    let wanted: String = wanted.chars().take(64).collect();
    let allowed = (wanted.chars().count() / 3).max(1);
    let distance = |name: &str| match name.eq_ignore_ascii_case(&wanted) {
        true => 0,
        false => strsim::damerau_levenshtein(&wanted, name),
    };
    let near = names.map(|name| (distance(name), name));
    near.filter(|&(distance, _)| distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_another_case_or_with_a_slip_is_found() {
        let names = || ["price", "prices", "id", "QUANTITY"].into_iter();
        assert_eq!(nearest("PRICE", names()), Some("price"));
        assert_eq!(nearest("pirce", names()), Some("price"));
        assert_eq!(nearest("quantity", names()), Some("QUANTITY"));
        assert_eq!(nearest("volume", names()), None);
    }
}
