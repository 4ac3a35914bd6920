//! A change counts when several samples in a row agree on it.

/// Counts samples that agree on a state other than the present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Debounce<T> {
    candidate: Option<(T, u32)>,
}

impl<T> Default for Debounce<T> {
    fn default() -> Self {
        Self { candidate: None }
    }
}

impl<T: Copy + PartialEq> Debounce<T> {
    /// Takes one sample's opinion; returns it when `needed` samples in a row held it against
    /// `present`. `None`, an unknown reading, breaks the row.
    pub(super) fn observe(&mut self, opinion: Option<T>, present: T, needed: u32) -> Option<T> {
        let Some(opinion) = opinion.filter(|opinion| *opinion != present) else {
            self.candidate = None;
            return None;
        };
        let seen = match self.candidate {
            Some((candidate, seen)) if candidate == opinion => seen.saturating_add(1),
            _ => 1,
        };
        if seen >= needed.max(1) {
            self.candidate = None;
            return Some(opinion);
        }
        self.candidate = Some((opinion, seen));
        None
    }

    /// Whether a row has begun and is not complete.
    pub(super) fn undecided(&self) -> bool {
        self.candidate.is_some()
    }
}
