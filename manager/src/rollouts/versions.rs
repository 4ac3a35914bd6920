//! Which of two versions is the later one: as Debian orders them, because the agent itself comes as a package of Debian.
//! `1.0~rc1` is before `1.0`, `1.9` before `1.10`, and `1:0.5` behind both.

use std::cmp::Ordering;

/// How two versions stand to each other.
pub fn order(one: &str, other: &str) -> Ordering {
    deb_version::compare_versions(one, other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn versions_are_ordered_as_debian_orders_them() {
        let rising = ["0.9", "1.0~rc1", "1.0", "1.0-2", "1.0+b1", "1.0.1", "1.9", "1.10", "1:0.5"];
        for pair in rising.windows(2) {
            assert_eq!(order(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(order(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(order("1.0", "1.0"), Ordering::Equal);
        assert_eq!(order("1.00", "1.0"), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn any_two_versions_have_an_order(one in "[a-zA-Z0-9][a-zA-Z0-9.+~:_-]{0,20}", other in "[a-zA-Z0-9][a-zA-Z0-9.+~:_-]{0,20}") {
            prop_assert_eq!(order(&one, &other), order(&other, &one).reverse());
        }
    }
}
