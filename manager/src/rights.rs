//! What operators may do. One table says it: what each right lets somebody do, and from which role on. Every address of
//! the listener states which right it wants (`operator/guard.rs`); nothing else decides who may do what.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an operator is there for. Each role may do whatever those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Looks after devices.
    Technician,
    /// Sends people and goods, and says whose devices are.
    Dispatcher,
    /// May do everything.
    Administrator,
}

/// Something that not everybody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Devices and what they report.
    See,
    /// What concerns the devices of all customers.
    SeeAll,
    /// The own sessions, tokens and password.
    Own,
    /// Commands, settings, holds.
    Tend,
    /// Service calls.
    Calls,
    /// Whom service calls go to.
    Dispatch,
    /// Orders.
    Orders,
    /// Whose a device is and where it stands.
    Describe,
    /// Which devices are let in.
    Admit,
    /// Customers and sites.
    Places,
    /// Profiles.
    Profiles,
    /// Programs and rollouts.
    Programs,
    /// Documents at printers of the service centre.
    Print,
    /// Messages that people got, and mutes.
    Answer,
    /// Whom the manager tells what.
    Telling,
    /// Operators, and what cannot be undone.
    Administer,
}

/// What a right is.
struct Entry {
    word: &'static str,
    /// What it lets somebody do.
    what: &'static str,
    /// The first role that has it.
    from: Role,
    /// Whether it reaches beyond single customers: who is limited to some does not have it.
    of_all: bool,
}

const fn entry(word: &'static str, what: &'static str, from: Role, of_all: bool) -> Entry {
    Entry { word, what, from, of_all }
}

/// The table.
const fn table(right: Right) -> Entry {
    use Role::{Administrator, Dispatcher, Technician, Viewer};
    match right {
        Right::See => entry("see", "see devices and what they report", Viewer, false),
        Right::SeeAll => entry("see_all", "see what concerns the devices of all customers", Viewer, true),
        Right::Own => entry("own", "look after your own sessions, tokens and password", Viewer, false),
        Right::Tend => {
            entry("tend", "command devices, and have rollouts leave them alone", Technician, false)
        }
        Right::Calls => entry("calls", "work on service calls and on what needs a person", Technician, false),
        Right::Dispatch => entry("dispatch", "send technicians, and cancel service calls", Dispatcher, false),
        Right::Orders => entry("orders", "work on orders", Dispatcher, false),
        Right::Describe => entry("describe", "say whose devices are and where they stand", Dispatcher, false),
        Right::Admit => entry("admit", "shut devices out, let them in, retire them", Dispatcher, false),
        Right::Places => entry("places", "add and change customers and sites", Dispatcher, true),
        Right::Profiles => entry("profiles", "change profiles", Administrator, true),
        Right::Programs => entry("programs", "give programs to devices", Administrator, true),
        Right::Print => {
            entry("print", "print documents at the printers of the service centre", Technician, false)
        }
        Right::Answer => entry("answer", "take messages, and mute devices and sites", Technician, true),
        Right::Telling => entry("telling", "say who is told of what", Administrator, true),
        Right::Administer => {
            entry("administer", "look after people, and do what cannot be undone", Administrator, true)
        }
    }
}

/// A word that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a role: use viewer, technician, dispatcher or administrator")]
pub struct UnknownRole(String);

impl Role {
    /// All of them, each behind those that may do less.
    pub const ALL: [Self; 4] = [Self::Viewer, Self::Technician, Self::Dispatcher, Self::Administrator];

    /// Its word.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Technician => "technician",
            Self::Dispatcher => "dispatcher",
            Self::Administrator => "administrator",
        }
    }

    /// What it is for, for people.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Viewer => "sees, and changes nothing",
            Self::Technician => "also commands devices and works on service calls",
            Self::Dispatcher => "also works on orders, says whose devices are, and lets devices in",
            Self::Administrator => "may do everything, for all customers",
        }
    }

    /// Whether it has a right.
    pub fn has(self, right: Right) -> bool {
        self >= table(right).from
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.word() == word);
        found.ok_or_else(|| UnknownRole(word.to_owned()))
    }
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::See,
        Self::SeeAll,
        Self::Own,
        Self::Tend,
        Self::Calls,
        Self::Dispatch,
        Self::Orders,
        Self::Describe,
        Self::Admit,
        Self::Places,
        Self::Profiles,
        Self::Programs,
        Self::Print,
        Self::Answer,
        Self::Telling,
        Self::Administer,
    ];

    /// Its word.
    pub const fn word(self) -> &'static str {
        table(self).word
    }

    /// What it lets somebody do.
    pub const fn what(self) -> &'static str {
        table(self).what
    }

    /// Whether it reaches beyond single customers: who is limited to some does not have it.
    pub const fn is_of_all(self) -> bool {
        table(self).of_all
    }

    /// The roles that have it.
    pub fn roles(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| role.has(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_api() {
        for right in Right::ALL {
            assert_eq!(serde_json::to_value(right).unwrap(), right.word());
        }
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
        assert!("Viewer".parse::<Role>().unwrap_err().to_string().contains("technician"));
    }

    /// The whole table, so that a right that somebody gets is seen in review.
    #[test]
    fn who_may_do_what_is_as_it_was_reviewed() {
        let of = |role: Role| {
            Right::ALL.into_iter().filter(|right| role.has(*right)).map(Right::word).collect::<Vec<_>>()
        };
        assert_eq!(of(Role::Viewer), ["see", "see_all", "own"]);
        assert_eq!(of(Role::Technician), ["see", "see_all", "own", "tend", "calls", "print", "answer"]);
        assert_eq!(
            of(Role::Dispatcher),
            [
                "see", "see_all", "own", "tend", "calls", "dispatch", "orders", "describe", "admit",
                "places", "print", "answer"
            ]
        );
        assert_eq!(of(Role::Administrator).len(), Right::ALL.len());
        let limited: Vec<_> =
            Right::ALL.into_iter().filter(|right| !right.is_of_all()).map(Right::word).collect();
        assert_eq!(
            limited,
            ["see", "own", "tend", "calls", "dispatch", "orders", "describe", "admit", "print"]
        );
    }
}
