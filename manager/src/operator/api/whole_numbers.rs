//! Whole numbers in JSON that somebody sends.

use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// JSON knows one kind of number, and JSON Schema (draft 2020-12, Validation, 6.1.1) takes 5.0 for an integer: so do we.
pub(super) fn with_whole_numbers<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    body: D,
) -> Result<T, D::Error> {
    let mut value = Value::deserialize(body)?;
    make_whole(&mut value);
    serde_json::from_value(value).map_err(D::Error::custom)
}

fn make_whole(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            // What has a fraction, a sign or too many digits is not read as a whole number, and stays. (-0.0 is 0.)
            let digits = number.as_f64().map(|number| (number + 0.0).to_string());
            if let Some(whole) = digits.and_then(|digits| digits.parse::<u64>().ok()) {
                *number = whole.into();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        _ => {}
    }
}
