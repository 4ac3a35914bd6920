//! The words of a search, and how each engine looks for one in the text of a device.

use super::engine::Connection;

/// Words of a search that are looked for; what comes behind them is not.
const MAX_WORDS: usize = 8;
/// SQLite reads the text of each device.
const IN_SQLITE: &str = "instr(s.search, {}) > 0";
/// PostgreSQL has an index of the three letters that stand together in a text. Its planner judges by samples of the texts
/// whether to use it: a word that every device has is found sooner without.
const IN_POSTGRES: &str = "s.search LIKE {}";
/// A word without three of them would be looked for among all that the index has, and then in each device as well: by
/// another name of the same collation, no index is there for it.
const IN_POSTGRES_WITHOUT_INDEX: &str = "s.search COLLATE \"POSIX\" LIKE {}";
/// How many letters the index wants together.
const TOGETHER: usize = 3;

/// A word that is looked for.
pub(super) struct Word {
    /// The condition on a device; its value stands at `{}`.
    pub(super) condition: &'static str,
    /// The word in small letters, for PostgreSQL as a pattern.
    pub(super) value: String,
}

/// The words of a text.
pub(super) fn words(connection: &Connection, text: &str) -> Vec<Word> {
    let text = text.to_lowercase();
    let words = text.split_whitespace().take(MAX_WORDS);
    let word = |word: &str| match connection {
        Connection::Sqlite(_) => Word { condition: IN_SQLITE, value: word.to_owned() },
        Connection::Postgres(_) if is_in_index(word) => Word { condition: IN_POSTGRES, value: pattern(word) },
        Connection::Postgres(_) => Word { condition: IN_POSTGRES_WITHOUT_INDEX, value: pattern(word) },
    };
    words.map(word).collect()
}

/// Whether letters or digits stand together as the index wants them; it knows no other characters.
fn is_in_index(word: &str) -> bool {
    word.split(|letter: char| !letter.is_alphanumeric()).any(|run| run.chars().count() >= TOGETHER)
}

/// A pattern for any text in which the word stands: what would mean something in a pattern is taken as it stands.
pub(super) fn pattern(word: &str) -> String {
    let mut pattern = String::with_capacity(word.len() + 2);
    pattern.push('%');
    for letter in word.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_pattern_is_taken_as_it_stands() {
        assert_eq!(pattern("50%_'\"\\"), "%50\\%\\_'\"\\\\%");
    }

    #[test]
    fn a_word_is_in_the_index_if_three_letters_or_digits_of_it_stand_together() {
        for word in ["zoo", "k-12345", "büro", "%abc_", "c405"] {
            assert!(is_in_index(word), "{word}");
        }
        for word in ["77", "%_'\"\\", "k-12", "a_b%c", "é-è", ""] {
            assert!(!is_in_index(word), "{word}");
        }
    }
}
