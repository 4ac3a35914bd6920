//! Saved views of the fleet: what somebody looks at again and again, by a name. What is shared is seen by all who are not
//! limited to some customers: a name might tell of customers that they do not see.

use jiff::Timestamp;

use super::engine::{Connection, Row, values};
use super::records::time;
use super::statements::views as statements;
use super::{Store, StoreError, from_integer};

/// Views that one operator keeps.
const MAX_OWN_VIEWS: u32 = 50;
/// Views that all see.
const MAX_SHARED_VIEWS: u32 = 100;

/// A saved view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRecord {
    /// By which it is asked for.
    pub key: i64,
    /// Who keeps it; nobody, once that operator has gone.
    pub owner: Option<String>,
    /// For people.
    pub name: String,
    /// Whether all see it.
    pub shared: bool,
    /// What is looked at, as JSON.
    pub body: String,
    /// When it was changed last.
    pub changed: Timestamp,
    /// Whether whoever asks sees it without asking for it.
    pub is_default: bool,
}

/// A view as somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewView {
    /// For people.
    pub name: String,
    /// Whether all see it.
    pub shared: bool,
    /// What is looked at, as JSON.
    pub body: String,
}

/// Whose views somebody sees and may change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Viewer {
    /// The operator.
    pub name: String,
    /// Whether those that are shared are seen.
    pub sees_shared: bool,
    /// Whether those of others may be changed.
    pub changes_all: bool,
}

/// Why a view is not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewRefusal {
    /// There is none of that number, or it is not seen.
    #[error("there is no view {0} here")]
    Missing(i64),
    /// Somebody else keeps it.
    #[error("the view {name:?} is kept by {owner}, who alone may change it")]
    NotYours {
        /// Its name.
        name: String,
        /// Who keeps it.
        owner: String,
    },
    /// The operator has one of that name.
    #[error("you have a view named {0:?} already: choose another name")]
    NameTaken(String),
    /// There are too many.
    #[error("there are {most} {whose} views already: remove one first")]
    TooMany {
        /// How many there may be.
        most: u32,
        /// Of whom.
        whose: &'static str,
    },
}

impl ViewRecord {
    fn from_row(row: &Row<'_>) -> Result<Self, StoreError> {
        let owner: String = row.get(1)?;
        Ok(Self {
            key: row.get(0)?,
            owner: Some(owner).filter(|owner| !owner.is_empty()),
            name: row.get(2)?,
            shared: row.get(3)?,
            body: row.get(4)?,
            changed: time(row, 5)?,
            is_default: row.get::<Option<i64>>(6)?.is_some(),
        })
    }

    fn is_seen_by(&self, viewer: &Viewer) -> bool {
        self.owner.as_ref() == Some(&viewer.name) || (self.shared && viewer.sees_shared)
    }
}

/// A view that whoever asks sees.
fn seen(connection: &Connection, viewer: &Viewer, key: i64) -> Result<Option<ViewRecord>, StoreError> {
    let found = connection.one(statements::ONE, values![viewer.name, key], ViewRecord::from_row)?;
    Ok(found.filter(|view| view.is_seen_by(viewer)))
}

/// A view that whoever asks may change.
fn own(
    connection: &Connection,
    viewer: &Viewer,
    key: i64,
) -> Result<Result<ViewRecord, ViewRefusal>, StoreError> {
    let Some(view) = seen(connection, viewer, key)? else { return Ok(Err(ViewRefusal::Missing(key))) };
    if view.owner.as_ref() == Some(&viewer.name) || viewer.changes_all {
        return Ok(Ok(view));
    }
    let owner = view.owner.unwrap_or_else(|| "nobody any more".to_owned());
    Ok(Err(ViewRefusal::NotYours { name: view.name, owner }))
}

fn refused(
    connection: &Connection,
    owner: &str,
    key: i64,
    view: &NewView,
) -> Result<Option<ViewRefusal>, StoreError> {
    if !owner.is_empty() && connection.exists(statements::NAME_TAKEN, values![owner, view.name, key])? {
        return Ok(Some(ViewRefusal::NameTaken(view.name.clone())));
    }
    let shared: u64 =
        connection.row(statements::COUNT_SHARED, values![key], |row| row.get(0)).map(from_integer)?;
    if view.shared && shared >= u64::from(MAX_SHARED_VIEWS) {
        return Ok(Some(ViewRefusal::TooMany { most: MAX_SHARED_VIEWS, whose: "shared" }));
    }
    Ok(None)
}

/// What goes with an operator.
pub(super) fn forget_operator(connection: &Connection, name: &str) -> Result<(), StoreError> {
    for statement in [
        statements::FORGET_DEFAULTS_OF_OWN,
        statements::NO_DEFAULT,
        statements::REMOVE_OWN,
        statements::DISOWN,
    ] {
        connection.execute(statement, values![name])?;
    }
    Ok(())
}

impl Store {
    /// The views that somebody sees: the own ones, then those of others that are shared, each by name.
    pub async fn views(&self, viewer: Viewer) -> Result<Vec<ViewRecord>, StoreError> {
        self.readers
            .clone()
            .read(move |connection| {
                let mut views = connection.all(
                    statements::OWN,
                    values![viewer.name, MAX_OWN_VIEWS],
                    ViewRecord::from_row,
                )?;
                if viewer.sees_shared {
                    let most = values![viewer.name, MAX_SHARED_VIEWS];
                    views.extend(connection.all(statements::SHARED, most, ViewRecord::from_row)?);
                }
                Ok(views)
            })
            .await
    }

    /// One of them.
    pub async fn view(&self, viewer: Viewer, key: i64) -> Result<Option<ViewRecord>, StoreError> {
        self.readers.clone().read(move |connection| seen(connection, &viewer, key)).await
    }

    /// The one that somebody sees without asking for it.
    pub async fn default_view(&self, viewer: Viewer) -> Result<Option<ViewRecord>, StoreError> {
        let found = self.readers.clone().read(move |connection| {
            let found = connection.one(statements::DEFAULT, values![viewer.name], ViewRecord::from_row)?;
            Ok(found.filter(|view| view.is_seen_by(&viewer)))
        });
        found.await
    }

    /// Keeps a view.
    pub async fn add_view(
        &self,
        owner: String,
        view: NewView,
        now: Timestamp,
    ) -> Result<Result<i64, ViewRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let count: u64 = connection
                    .row(statements::COUNT_OWN, values![owner], |row| row.get(0))
                    .map(from_integer)?;
                if count >= u64::from(MAX_OWN_VIEWS) {
                    return Ok(Err(ViewRefusal::TooMany { most: MAX_OWN_VIEWS, whose: "own" }));
                }
                if let Some(refusal) = refused(connection, &owner, 0, &view)? {
                    return Ok(Err(refusal));
                }
                let at = now.as_millisecond();
                let row = values![owner, view.name, view.shared, view.body, at];
                connection.row(statements::ADD, row, |row| row.get(0)).map(Ok)
            })
            .await
    }

    /// Has a view be another one.
    pub async fn set_view(
        &self,
        viewer: Viewer,
        key: i64,
        view: NewView,
        now: Timestamp,
    ) -> Result<Result<(), ViewRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let before = match own(connection, &viewer, key)? {
                    Ok(before) => before,
                    Err(refusal) => return Ok(Err(refusal)),
                };
                let owner = before.owner.unwrap_or_default();
                if let Some(refusal) = refused(connection, &owner, key, &view)? {
                    return Ok(Err(refusal));
                }
                let at = now.as_millisecond();
                let row = values![key, view.name, view.shared, view.body, at];
                connection.execute(statements::SET, row)?;
                if !view.shared {
                    connection.execute(statements::FORGET_DEFAULTS_OF_OTHERS, values![key, owner])?;
                }
                Ok(Ok(()))
            })
            .await
    }

    /// Keeps a view no more.
    pub async fn remove_view(&self, viewer: Viewer, key: i64) -> Result<Result<(), ViewRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                if let Err(refusal) = own(connection, &viewer, key)? {
                    return Ok(Err(refusal));
                }
                connection.execute(statements::FORGET_DEFAULTS, values![key])?;
                connection.execute(statements::REMOVE, values![key])?;
                Ok(Ok(()))
            })
            .await
    }

    /// Has somebody see a view without asking for it; or the whole fleet.
    pub async fn set_default_view(
        &self,
        viewer: Viewer,
        key: Option<i64>,
    ) -> Result<Result<(), ViewRefusal>, StoreError> {
        self.writer
            .write(move |context| {
                let connection = context.connection;
                let Some(key) = key else {
                    connection.execute(statements::NO_DEFAULT, values![viewer.name])?;
                    return Ok(Ok(()));
                };
                if seen(connection, &viewer, key)?.is_none() {
                    return Ok(Err(ViewRefusal::Missing(key)));
                }
                connection.execute(statements::SET_DEFAULT, values![viewer.name, key])?;
                Ok(Ok(()))
            })
            .await
    }
}
