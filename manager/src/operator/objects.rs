//! What somebody sends as JSON is an object with names, and its numbers may be written in each way that JSON has.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};
use serde_path_to_error::Track;

/// Has structs with `#[serde(remote = "Self")]` be read from an [`Object`]. What is derived for a struct would take an array of
/// its fields as well, in an order that nobody has promised.
macro_rules! only_objects {
    ($($form:ident),+) => {$(
        impl<'de> serde::Deserialize<'de> for $form {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let object = <$crate::operator::objects::Object as serde::Deserialize>::deserialize(from)?;
                object.read(|fields| $form::deserialize(fields))
            }
        }
    )+};
}
pub(super) use only_objects;

/// An object, each name once.
pub(super) struct Object(Map<String, Value>);

/// The fields of an object, which know where they stand.
pub(super) type Fields<'a, 'b> = serde_path_to_error::Deserializer<'a, 'b, Value>;

impl Object {
    /// Reads its fields, and names the one that cannot be read.
    pub(super) fn read<T, E: Error>(
        self,
        read: impl FnOnce(Fields<'_, '_>) -> Result<T, serde_json::Error>,
    ) -> Result<T, E> {
        let mut track = Track::new();
        read(Fields::new(Value::Object(self.0), &mut track)).map_err(|error| {
            let path = track.path();
            if path.iter().len() == 0 { E::custom(error) } else { E::custom(format!("{path}: {error}")) }
        })
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Object;

            fn expecting(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                text.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((name, mut value)) = fields.next_entry::<String, Value>()? {
                    make_whole(&mut value);
                    if object.contains_key(&name) {
                        return Err(A::Error::custom(format!("{name} stands there twice")));
                    }
                    object.insert(name, value);
                }
                Ok(Object(object))
            }
        }
        from.deserialize_map(Names)
    }
}

/// JSON knows one kind of number, and JSON Schema (draft 2020-12, Validation, 6.1.1) takes 5.0 for an integer: so do we.
fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            // What has a fraction or too many digits is not read as a whole number, and stays. (-0.0 is 0.)
            let digits = number.as_f64().map(|number| (number + 0.0).to_string()).unwrap_or_default();
            if let Ok(whole) = digits.parse::<u64>() {
                *number = whole.into();
            } else if let Ok(whole) = digits.parse::<i64>() {
                *number = whole.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(remote = "Self", deny_unknown_fields)]
    struct Shelf {
        pieces: i64,
        #[serde(default)]
        within: Vec<Place>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Place {
        at: u16,
    }

    only_objects!(Shelf);

    fn read(text: &str) -> Result<Shelf, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_whole_number_may_be_written_with_a_point() {
        let shelf = Shelf { pieces: -5, within: vec![Place { at: 7 }] };
        assert_eq!(read(r#"{"pieces": -5.0, "within": [{"at": 7.0}]}"#).unwrap(), shelf);
        assert_eq!(read(r#"{"pieces": -0.0}"#).unwrap().pieces, 0);
        assert_eq!(read(r#"{"pieces": 1e3}"#).unwrap().pieces, 1000);
        assert!(
            read(r#"{"pieces": 5.5}"#).unwrap_err().contains("pieces: invalid type: floating point `5.5`")
        );
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let deep = read(r#"{"pieces": 1, "within": [{"at": 1}, {"at": "x"}]}"#).unwrap_err();
        assert!(deep.contains("within[1].at: invalid type: string"), "{deep}");
        assert!(read("[1]").unwrap_err().contains("expected an object"));
        assert!(read(r#"{"pieces": 1, "pieces": 2}"#).unwrap_err().contains("pieces stands there twice"));
        assert!(read(r#"{"pieces": 1, "shelf": 2}"#).unwrap_err().contains("unknown field `shelf`"));
    }
}
