//! What a program writes, of which only so much is kept that nobody can fill the disk with it.

use std::collections::VecDeque;
use std::io::Read;

use serde::{Deserialize, Serialize};

/// Bytes that are kept of the beginning, and as many of the end.
pub(super) const KEPT: usize = 4 * 1024;
/// Bytes that are read at once.
const BLOCK: usize = 4 * 1024;
/// The longest line that is a reason, in characters.
const REASON: usize = 300;

/// The beginning and the end of what was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Collected {
    first: Vec<u8>,
    last: VecDeque<u8>,
    omitted: u64,
}

impl Collected {
    /// Takes in what was written.
    pub(super) fn add(&mut self, mut bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.first.len()).min(bytes.len());
        if let Some((fits, rest)) = bytes.split_at_checked(room) {
            self.first.extend_from_slice(fits);
            bytes = rest;
        }
        self.last.extend(bytes);
        let surplus = self.last.len().saturating_sub(KEPT);
        self.last.drain(..surplus);
        self.omitted = self.omitted.saturating_add(u64::try_from(surplus).unwrap_or(u64::MAX));
    }

    /// As text.
    pub(super) fn finish(&self) -> Output {
        let last: Vec<u8> = self.last.iter().copied().collect();
        if self.omitted == 0 {
            let whole = [self.first.as_slice(), &last].concat();
            return Output { first: text(&whole), last: String::new(), omitted: 0 };
        }
        Output { first: text(&self.first), last: text(&last), omitted: self.omitted }
    }
}

/// Whatever was written, as text without anything that would move a cursor or colour a log.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes)
        .chars()
        .map(|one| if one.is_control() && one != '\n' && one != '\t' { '\u{fffd}' } else { one })
        .collect()
}

/// What was kept, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// The beginning, or all of it.
    pub first: String,
    /// The end, where not all of it was kept.
    pub last: String,
    /// Bytes between them that were not kept.
    pub omitted: u64,
}

impl Output {
    /// All that was kept, with a word on what was not.
    pub fn whole(&self) -> String {
        if self.omitted == 0 {
            return self.first.clone();
        }
        format!("{}\n[{} bytes are left out here]\n{}", self.first, self.omitted, self.last)
    }

    /// The last line that says anything, cut to the length of a reason.
    pub fn last_line(&self) -> Option<String> {
        let lines = self.first.lines().chain(self.last.lines());
        let line = lines.map(str::trim).rfind(|line| !line.is_empty())?;
        Some(line.chars().take(REASON).collect())
    }
}

/// Reads to the end, and tells each block.
pub(super) fn collect(mut from: impl Read, mut tell: impl FnMut(&[u8])) {
    let mut block = [0; BLOCK];
    loop {
        match from.read(&mut block) {
            // Whoever wrote has ended, or cannot be read: nothing more comes.
            Ok(0) => return,
            Ok(read) => tell(block.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn little_is_kept_as_it_is() {
        let mut collected = Collected::default();
        collected.add(b"one\n");
        collected.add(b"two \x1b[31m\n\n");
        let output = collected.finish();
        assert_eq!(output.whole(), "one\ntwo \u{fffd}[31m\n\n");
        assert_eq!(output.last_line().unwrap(), "two \u{fffd}[31m");
        assert_eq!(Output::default().last_line(), None);
    }

    proptest! {
        #[test]
        fn of_much_the_beginning_and_the_end_are_kept_and_the_rest_is_counted(
            blocks in prop::collection::vec(0..6000_usize, 0..12),
        ) {
            let mut collected = Collected::default();
            let mut all = Vec::new();
            for (number, length) in blocks.iter().enumerate() {
                let block = vec![b'a' + u8::try_from(number).unwrap(); *length];
                collected.add(&block);
                all.extend(block);
            }
            let output = collected.finish();
            if all.len() <= 2 * KEPT {
                prop_assert_eq!(output.whole().into_bytes(), all);
            } else {
                prop_assert_eq!(output.first.as_bytes(), &all[..KEPT]);
                prop_assert_eq!(output.last.as_bytes(), &all[all.len() - KEPT..]);
                prop_assert_eq!(output.omitted, u64::try_from(all.len() - 2 * KEPT).unwrap());
            }
        }
    }
}
