//! What the devices of a crowd know of what became of their reports and commands, beside what a store holds.

use std::collections::BTreeMap;

/// What one device knows at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Book {
    /// Which device; its epoch has the same name.
    pub device: String,
    /// All reports up to this sequence were acknowledged. Nothing is under way any more.
    pub acknowledged: u64,
    /// The commands that it was given, each with the sequences of the reports of its outcome.
    pub commands: BTreeMap<String, Vec<u64>>,
}

/// What a store holds of one epoch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeptReports {
    /// How many reports.
    pub reports: u64,
    /// How many sequences they have.
    pub sequences: u64,
    /// The highest of them.
    pub last: u64,
}

/// What a store holds of one command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptCommand {
    /// How it stands.
    pub state: String,
    /// How many reports of an outcome there are.
    pub outcomes: u64,
}

/// What a store holds.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// By epoch.
    pub reports: BTreeMap<String, KeptReports>,
    /// By id.
    pub commands: BTreeMap<String, KeptCommand>,
}

const REPORTS: &str = "SELECT e.epoch, count(*), count(DISTINCT r.sequence), max(r.sequence) \
    FROM reports r JOIN epochs e ON e.key = r.epoch GROUP BY e.epoch";
const COMMANDS: &str = "SELECT c.id, c.state, coalesce(o.outcomes, 0) FROM commands c LEFT JOIN \
    (SELECT substring(body from '\"command_id\":\"([^\"]*)\"') AS id, count(*) AS outcomes FROM reports \
    WHERE kind = 'outcome' GROUP BY 1) o ON o.id = c.id";

impl Kept {
    /// By what `ask` answers of PostgreSQL: a row a line, with `|` between columns.
    pub fn read(ask: impl Fn(&str) -> String) -> Self {
        let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
        let rows = |sql: &str| -> Vec<Vec<String>> {
            ask(sql).lines().map(|line| line.split('|').map(str::to_owned).collect()).collect()
        };
        let reports = rows(REPORTS).into_iter().map(|row| {
            let kept =
                KeptReports { reports: number(&row[1]), sequences: number(&row[2]), last: number(&row[3]) };
            (row[0].clone(), kept)
        });
        let commands = rows(COMMANDS)
            .into_iter()
            .map(|row| (row[0].clone(), KeptCommand { state: row[1].clone(), outcomes: number(&row[2]) }));
        Self { reports: reports.collect(), commands: commands.collect() }
    }
}

/// What is wrong: a report that was acknowledged and is not there once, a command without exactly one outcome, or one that
/// an operator was told is kept (`accepted`) and is not.
pub fn faults(books: &[Book], accepted: &[String], kept: &Kept) -> Vec<String> {
    let mut faults = Vec::new();
    for book in books {
        let found = kept.reports.get(&book.device).copied().unwrap_or_default();
        let all = book.acknowledged;
        let wanted = KeptReports { reports: all, sequences: all, last: all };
        if found != wanted {
            faults.push(format!("{}: {all} reports were acknowledged, and there are {found:?}", book.device));
        }
        for (id, sequences) in &book.commands {
            if sequences.len() != 1 {
                faults.push(format!("{}: the outcome of {id} was told {sequences:?}", book.device));
            }
            if !kept.commands.contains_key(id) {
                faults.push(format!("{}: nobody knows of {id}, which was carried out", book.device));
            }
        }
    }
    for (id, command) in &kept.commands {
        if command.state != "done" || command.outcomes != 1 {
            faults.push(format!("{id}: {command:?}"));
        }
    }
    let lost = accepted.iter().filter(|id| !kept.commands.contains_key(*id));
    faults.extend(lost.map(|id| format!("{id} was accepted, and is not there")));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book() -> Book {
        Book {
            device: "d-1".to_owned(),
            acknowledged: 7,
            commands: BTreeMap::from([("c1".to_owned(), vec![3])]),
        }
    }

    fn kept() -> Kept {
        Kept::read(|sql| match sql {
            REPORTS => "d-1|7|7|7\n".to_owned(),
            _ => "c1|done|1\n".to_owned(),
        })
    }

    #[test]
    fn books_that_agree_have_no_faults() {
        assert_eq!(faults(&[book()], &["c1".to_owned()], &kept()), Vec::<String>::new());
    }

    /// A change after which they differ.
    type Way<'a> = &'a dyn Fn(&mut Book, &mut Kept);

    #[test]
    fn each_way_in_which_they_may_differ_is_found() {
        let fault_of = |change: &dyn Fn(&mut Book, &mut Kept)| {
            let (mut book, mut kept) = (book(), kept());
            change(&mut book, &mut kept);
            faults(&[book], &["c1".to_owned()], &kept).len()
        };
        let ways: [Way<'_>; 7] = [
            &|_, kept| kept.reports.clear(),
            &|_, kept| kept.reports.values_mut().for_each(|one| one.reports += 1),
            &|_, kept| kept.reports.values_mut().for_each(|one| one.sequences -= 1),
            &|book, _| book.acknowledged += 1,
            &|book, _| book.commands.values_mut().for_each(|told| told.push(4)),
            &|_, kept| kept.commands.values_mut().for_each(|one| one.outcomes = 2),
            &|_, kept| kept.commands.values_mut().for_each(|one| one.state = "delivered".to_owned()),
        ];
        for (number, way) in ways.iter().enumerate() {
            assert_eq!(fault_of(way), 1, "{number}");
        }
        assert_eq!(fault_of(&|_, kept| kept.commands.clear()), 2, "for its device, and for the operator");
    }
}
