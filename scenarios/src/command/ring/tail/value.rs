//! A value whose type nobody compiled: as text in the spelling of Rust, and as JSON.

use serde_json::{Map, Number, Value as Json};
use std::fmt::{self, Write};

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Unsigned(u64),
    Signed(i64),
    /// Of 128 bits: as text.
    Wide(String),
    Single(f32),
    Double(f64),
    Bool(bool),
    Char(char),
    Text(String),
    Bytes(Vec<u8>),
    Option(Option<Box<Self>>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Struct(Vec<(String, Self)>),
    Variant(String, Option<Box<Self>>),
}

impl Value {
    /// Numbers of 128 bits and those that JSON has no form for are text, bytes are text in hexadecimal.
    pub(super) fn json(&self) -> Json {
        let many = |values: &[Self]| values.iter().map(Self::json).collect();
        match self {
            Self::Unsigned(number) => (*number).into(),
            Self::Signed(number) => (*number).into(),
            Self::Wide(number) => number.as_str().into(),
            Self::Single(number) => float(&number.to_string()),
            Self::Double(number) => float(&number.to_string()),
            Self::Bool(whether) => (*whether).into(),
            Self::Char(letter) => letter.to_string().into(),
            Self::Text(text) => text.as_str().into(),
            Self::Bytes(bytes) => hex(bytes).into(),
            Self::Option(inner) => inner.as_ref().map_or(Json::Null, |inner| inner.json()),
            Self::List(values) | Self::Tuple(values) => Json::Array(many(values)),
            Self::Struct(fields) => fields.iter().map(|(name, value)| (name.clone(), value.json())).collect(),
            Self::Variant(name, None) => name.as_str().into(),
            Self::Variant(name, Some(value)) => Map::from_iter([(name.clone(), value.json())]).into(),
        }
    }
}

/// The shortest decimal that is the number: widened, one of 32 bits would get digits that nobody wrote.
fn float(text: &str) -> Json {
    text.parse().ok().and_then(Number::from_f64).map_or_else(|| text.into(), Json::Number)
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes what is written");
        hex
    })
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned(number) => write!(f, "{number}"),
            Self::Signed(number) => write!(f, "{number}"),
            Self::Wide(number) => f.write_str(number),
            Self::Single(number) => write!(f, "{number:?}"),
            Self::Double(number) => write!(f, "{number:?}"),
            Self::Bool(whether) => write!(f, "{whether}"),
            Self::Char(letter) => write!(f, "{letter:?}"),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Bytes(bytes) => write!(f, "b\"{}\"", bytes.escape_ascii()),
            Self::Option(None) => f.write_str("None"),
            Self::Option(Some(inner)) => write!(f, "Some({inner})"),
            Self::List(values) => row(f, '[', values, ']'),
            Self::Tuple(values) => row(f, '(', values, ')'),
            Self::Struct(fields) => {
                for (at, (name, value)) in fields.iter().enumerate() {
                    write!(f, "{}{name}: {value}", if at == 0 { "{" } else { ", " })?;
                }
                f.write_char('}')
            }
            Self::Variant(name, None) => f.write_str(name),
            Self::Variant(name, Some(value)) => match &**value {
                Self::Tuple(_) => write!(f, "{name}{value}"),
                Self::Struct(_) => write!(f, "{name} {value}"),
                _ => write!(f, "{name}({value})"),
            },
        }
    }
}

fn row(f: &mut fmt::Formatter<'_>, open: char, values: &[Value], close: char) -> fmt::Result {
    f.write_char(open)?;
    for (at, value) in values.iter().enumerate() {
        write!(f, "{}{value}", if at == 0 { "" } else { ", " })?;
    }
    f.write_char(close)
}
