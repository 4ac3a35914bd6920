//! The statements of a move. The table `moving` is there only where one was begun.

pub(super) const CREATE_MOVING: &str = "CREATE TABLE IF NOT EXISTS moving (id TEXT PRIMARY KEY, place TEXT NOT NULL, state TEXT NOT NULL, changed BIGINT NOT NULL)";
pub(super) const DROP_MOVING: &str = "DROP TABLE moving";
pub(super) const HAS_MOVING: &str = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'moving'";
pub(super) const HAS_MOVING_POSTGRES: &str = "SELECT 1 WHERE to_regclass('moving') IS NOT NULL";
pub(super) const MOVING: &str = "SELECT id, place, state FROM moving";
pub(super) const MARK_MOVING: &str = "INSERT INTO moving (id, place, state, changed) VALUES (?1, ?2, ?3, ?4)";
pub(super) const SET_MOVING: &str = "UPDATE moving SET state = ?1, changed = ?2";
pub(super) const TABLES: &str =
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
pub(super) const TABLES_POSTGRES: &str = "SELECT relname::text FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition";
pub(super) const COLUMNS: &str = "SELECT name, pk FROM pragma_table_info(?1)";
pub(super) const COLUMNS_POSTGRES: &str = "SELECT attname::text, format_type(atttypid, NULL), (attidentity <> '')::int::bigint FROM pg_attribute \
     WHERE attrelid = to_regclass(?1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
pub(super) const REFERENCES_POSTGRES: &str = "SELECT f.relname::text, t.relname::text FROM pg_constraint c \
     JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class t ON t.oid = c.confrelid WHERE c.contype = 'f' AND f.relnamespace = current_schema()::regnamespace";
