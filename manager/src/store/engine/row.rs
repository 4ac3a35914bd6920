//! What comes out of a statement.

use postgres::types::{FromSql, Type};

use super::super::StoreError;

/// A row of either engine.
pub(in crate::store) enum Row<'a> {
    Sqlite(&'a rusqlite::Row<'a>),
    Postgres(&'a postgres::Row),
}

impl Row<'_> {
    /// What stands in a column, counted from 0.
    pub(in crate::store) fn get<T: Column>(&self, column: usize) -> Result<T, StoreError> {
        match self {
            Self::Sqlite(row) => Ok(T::of_sqlite(row, column)?),
            Self::Postgres(row) => Ok(T::of_postgres(row, column)?),
        }
    }
}

/// What can stand in a column.
pub(in crate::store) trait Column: Sized {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, rusqlite::Error>;
    fn of_postgres(row: &postgres::Row, column: usize) -> Result<Self, postgres::Error>;
}

/// An integer of any width, or a truth, of PostgreSQL, as it is wanted.
struct Integer<T>(T);

impl<'a, T: TryFrom<i64>> FromSql<'a> for Integer<T>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    fn from_sql(kind: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        let number = match *kind {
            Type::INT2 => i64::from(i16::from_sql(kind, raw)?),
            Type::INT4 => i64::from(i32::from_sql(kind, raw)?),
            Type::BOOL => i64::from(bool::from_sql(kind, raw)?),
            _ => i64::from_sql(kind, raw)?,
        };
        Ok(Self(T::try_from(number)?))
    }

    fn accepts(kind: &Type) -> bool {
        matches!(*kind, Type::INT2 | Type::INT4 | Type::INT8 | Type::BOOL)
    }
}

macro_rules! integers {
    ($($kind:ty),*) => {
        $(
            impl Column for $kind {
                fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, rusqlite::Error> {
                    row.get(column)
                }
                fn of_postgres(row: &postgres::Row, column: usize) -> Result<Self, postgres::Error> {
                    Ok(row.try_get::<_, Integer<Self>>(column)?.0)
                }
            }
            impl Column for Option<$kind> {
                fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, rusqlite::Error> {
                    row.get(column)
                }
                fn of_postgres(row: &postgres::Row, column: usize) -> Result<Self, postgres::Error> {
                    Ok(row.try_get::<_, Option<Integer<$kind>>>(column)?.map(|found| found.0))
                }
            }
        )*
    };
}
integers!(i64, u32, u16, u8);

macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl Column for $kind {
            fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, rusqlite::Error> {
                row.get(column)
            }
            fn of_postgres(row: &postgres::Row, column: usize) -> Result<Self, postgres::Error> {
                row.try_get(column)
            }
        })*
    };
}
plain!(String, Option<String>, f64, Option<f64>, Vec<u8>, Option<Vec<u8>>);

/// A truth is an integer in both, so that one text can ask for it.
impl Column for bool {
    fn of_sqlite(row: &rusqlite::Row<'_>, column: usize) -> Result<Self, rusqlite::Error> {
        row.get(column)
    }
    fn of_postgres(row: &postgres::Row, column: usize) -> Result<Self, postgres::Error> {
        Ok(row.try_get::<_, Integer<i64>>(column)?.0 != 0)
    }
}
