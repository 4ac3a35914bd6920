//! An error and what stands behind it, for people.

use std::error::Error;

/// An error with what stands behind it, once each.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text = format!("{text}: {words}");
        }
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[derive(Debug, thiserror::Error)]
    #[error("the outer one: {0}")]
    struct Repeats(#[source] io::Error);

    #[derive(Debug, thiserror::Error)]
    #[error("the outer one")]
    struct Keeps(#[source] io::Error);

    #[test]
    fn each_cause_is_told_once_whether_or_not_the_error_before_it_tells_it_too() {
        let inner = || io::Error::other("the inner one");
        assert_eq!(causes(&Repeats(inner())), "the outer one: the inner one");
        assert_eq!(causes(&Keeps(inner())), "the outer one: the inner one");
    }
}
