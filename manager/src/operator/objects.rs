//! What somebody sends as JSON is an object with names. What is derived for a struct would take an array of its fields as
//! well, in an order that nobody has promised.

/// Has structs with `#[serde(remote = "Self")]` be read from objects alone.
macro_rules! only_objects {
    ($($form:ident),+) => {$(
        impl<'de> serde::Deserialize<'de> for $form {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct Fields;
                impl<'de> serde::de::Visitor<'de> for Fields {
                    type Value = $form;

                    fn expecting(&self, text: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        text.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, fields: A) -> Result<$form, A::Error> {
                        $form::deserialize(serde::de::value::MapAccessDeserializer::new(fields))
                    }
                }
                from.deserialize_map(Fields)
            }
        }
    )+};
}
pub(super) use only_objects;
