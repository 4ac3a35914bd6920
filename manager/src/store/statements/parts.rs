//! Statements about the catalogue of parts, and about what lies on shelves.

/// Parts. Conditions follow.
pub(in crate::store) const PARTS: &str = "SELECT p.key, p.number, p.name, p.price, p.currency, p.yields, p.version, \
     CAST((SELECT coalesce(sum(s.pieces), 0) FROM stock s WHERE s.part = p.key) AS BIGINT) FROM parts p WHERE ";
/// What a part is found by.
pub(in crate::store) const SEARCHED: &str = "lower(p.number || ' ' || p.name) LIKE {} ESCAPE '\\'";
pub(in crate::store) const NUMBER_TAKEN: &str = "SELECT 1 FROM parts WHERE number = ?1 AND key <> ?2";
pub(in crate::store) const ADD_PART: &str =
    "INSERT INTO parts (number, name, price, currency, yields) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING key";
/// With a version only if it still has that; 0 for any.
pub(in crate::store) const SET_PART: &str = "UPDATE parts SET number = ?3, name = ?4, price = ?5, currency = ?6, yields = ?7, \
     version = version + 1 WHERE key = ?1 AND (version = ?2 OR ?2 = 0)";
pub(in crate::store) const PART_EXISTS: &str = "SELECT 1 FROM parts WHERE key = ?1";
pub(in crate::store) const PART_OF_NUMBER: &str = "SELECT key FROM parts WHERE number = ?1";
pub(in crate::store) const PIECES_OF_PART: &str =
    "SELECT CAST(coalesce(sum(pieces), 0) AS BIGINT) FROM stock WHERE part = ?1";
pub(in crate::store) const FORGET_MOVES_OF_PART: &str =
    "DELETE FROM stock_moves WHERE stock IN (SELECT key FROM stock WHERE part = ?1)";
pub(in crate::store) const FORGET_STOCK_OF_PART: &str = "DELETE FROM stock WHERE part = ?1";
pub(in crate::store) const REMOVE_PART: &str = "DELETE FROM parts WHERE key = ?1";
/// Prices by part number. Conditions follow.
pub(in crate::store) const PRICES: &str = "SELECT p.number, p.price, p.currency FROM parts p WHERE ";

/// Places on shelves. Conditions follow.
pub(in crate::store) const STOCK: &str = "SELECT s.key, p.key, p.number, p.name, s.site, t.name, c.name, s.pieces, s.reorder_at, s.version \
     FROM stock s JOIN parts p ON p.key = s.part LEFT JOIN sites t ON t.key = s.site \
     LEFT JOIN customers c ON c.key = t.customer WHERE ";
pub(in crate::store) const SITE_EXISTS: &str = "SELECT 1 FROM sites WHERE key = ?1";
pub(in crate::store) const STOCK_THERE: &str =
    "SELECT key FROM stock WHERE part = ?1 AND coalesce(site, 0) = coalesce(CAST(?2 AS BIGINT), 0)";
pub(in crate::store) const ADD_STOCK: &str =
    "INSERT INTO stock (part, site, pieces, reorder_at) VALUES (?1, ?2, ?3, ?4) RETURNING key";
/// With a version only if it still has that; 0 for any.
pub(in crate::store) const SET_STOCK: &str = "UPDATE stock SET pieces = ?3, reorder_at = ?4, version = version + 1 \
     WHERE key = ?1 AND (version = ?2 OR ?2 = 0)";
/// Never below nothing.
pub(in crate::store) const MORE_STOCK: &str = "UPDATE stock SET pieces = pieces + ?2, version = version + 1 \
     WHERE key = ?1 AND pieces + ?2 >= 0 RETURNING pieces";
pub(in crate::store) const PIECES: &str = "SELECT pieces FROM stock WHERE key = ?1";
pub(in crate::store) const REMOVE_STOCK: &str = "DELETE FROM stock WHERE key = ?1 AND pieces = 0";
pub(in crate::store) const FORGET_MOVES: &str = "DELETE FROM stock_moves WHERE stock = ?1";
pub(in crate::store) const ADD_MOVE: &str = "INSERT INTO stock_moves (stock, at, who, more, pieces, of_order, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
pub(in crate::store) const MOVES: &str = "SELECT m.key, m.at, m.who, m.more, m.pieces, m.of_order, m.words FROM stock_moves m \
     WHERE m.stock = ?1 AND m.key < ?2 ORDER BY m.key DESC LIMIT ?3";
/// Where enough of a part lies for a device: at its own site, or else at the service centre.
pub(in crate::store) const SHELF_FOR: &str = "SELECT s.key, t.name FROM stock s JOIN parts p ON p.key = s.part \
     LEFT JOIN sites t ON t.key = s.site WHERE p.number = ?1 AND s.pieces >= ?3 \
     AND (s.site IS NULL OR s.site = (SELECT d.site FROM devices d WHERE d.key = ?2)) \
     ORDER BY CASE WHEN s.site IS NULL THEN 1 ELSE 0 END, s.key LIMIT 1";
pub(in crate::store) const SHELF_NAME: &str =
    "SELECT t.name FROM stock s LEFT JOIN sites t ON t.key = s.site WHERE s.key = ?1";
pub(in crate::store) const TAKE: &str = "UPDATE orders SET taken = ?2, taken_from = ?3 WHERE key = ?1";
/// A piece's price as it is now, unless there is one already.
pub(in crate::store) const FIX_PRICE: &str = "UPDATE orders SET price = (SELECT p.price FROM parts p WHERE p.number = ?2), \
     currency = (SELECT p.currency FROM parts p WHERE p.number = ?2) WHERE key = ?1 AND price IS NULL";
pub(in crate::store) const PIECES_AT_SITE: &str =
    "SELECT CAST(coalesce(sum(pieces), 0) AS BIGINT) FROM stock WHERE site = ?1";
pub(in crate::store) const FORGET_MOVES_AT_SITE: &str =
    "DELETE FROM stock_moves WHERE stock IN (SELECT key FROM stock WHERE site = ?1)";
pub(in crate::store) const FORGET_SITE: &str = "DELETE FROM stock WHERE site = ?1";

/// All of them that are whole, by name, so that they can be tried.
pub(in crate::store) const ALL: &[(&str, &str)] = &[
    ("NUMBER_TAKEN", NUMBER_TAKEN),
    ("ADD_PART", ADD_PART),
    ("SET_PART", SET_PART),
    ("PART_EXISTS", PART_EXISTS),
    ("PART_OF_NUMBER", PART_OF_NUMBER),
    ("PIECES_OF_PART", PIECES_OF_PART),
    ("FORGET_MOVES_OF_PART", FORGET_MOVES_OF_PART),
    ("FORGET_STOCK_OF_PART", FORGET_STOCK_OF_PART),
    ("REMOVE_PART", REMOVE_PART),
    ("SITE_EXISTS", SITE_EXISTS),
    ("STOCK_THERE", STOCK_THERE),
    ("ADD_STOCK", ADD_STOCK),
    ("SET_STOCK", SET_STOCK),
    ("MORE_STOCK", MORE_STOCK),
    ("PIECES", PIECES),
    ("REMOVE_STOCK", REMOVE_STOCK),
    ("FORGET_MOVES", FORGET_MOVES),
    ("ADD_MOVE", ADD_MOVE),
    ("MOVES", MOVES),
    ("SHELF_FOR", SHELF_FOR),
    ("SHELF_NAME", SHELF_NAME),
    ("TAKE", TAKE),
    ("FIX_PRICE", FIX_PRICE),
    ("PIECES_AT_SITE", PIECES_AT_SITE),
    ("FORGET_MOVES_AT_SITE", FORGET_MOVES_AT_SITE),
    ("FORGET_SITE", FORGET_SITE),
];
