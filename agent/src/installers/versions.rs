//! The order of versions of firmware: part by part, numbers by their value.

use std::cmp::Ordering;

/// Whether a version is another or a later one.
pub(super) fn at_least(version: &str, other: &str) -> bool {
    order(version, other) != Ordering::Less
}

fn order(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (parts(one), parts(other));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            // `2.0` comes before `2.0.1`.
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) => match by_value(one, other) {
                Ordering::Equal => {}
                order => return order,
            },
        }
    }
}

fn parts(version: &str) -> impl Iterator<Item = &str> {
    version.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty())
}

fn by_value(one: &str, other: &str) -> Ordering {
    match (one.parse::<u64>(), other.parse::<u64>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => one.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_their_numbers() {
        for (lower, higher) in
            [("1.9", "1.10"), ("2.0", "2.0.1"), ("1.0-a", "1.0-b"), ("09", "10"), ("", "0")]
        {
            assert_eq!(order(lower, higher), Ordering::Less, "{lower} {higher}");
            assert!(at_least(higher, lower) && !at_least(lower, higher));
        }
        assert!(at_least("1.0", "1.0") && at_least("01.0", "1.0"));
    }
}
