//! In which form bytes are shown, as far as their ring and whoever asks agree on one.

use super::schema::{NotPlain, Type};
use super::value::{Value, hex};
use super::wire::{self, By};
use clap::ValueEnum;
use serde_json::{Value as Json, json};
use std::fmt;
use tidemill_ring::codec::DecodeError;
use tidemill_ring::header::{Field, Incompatible};
use tidemill_ring::layout::Spec;

/// What somebody says of the bytes of a message: a way to look at them, or the codec that made them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
pub(super) enum Codec {
    Bytes,
    Hex,
    Utf8,
    Json,
    Postcard,
    Bincode,
    Rkyv,
    Flatbuffers,
}

/// How bytes are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Form {
    Bytes,
    Hex,
    Utf8,
    Json,
    Value(By, Type),
}

/// Why bytes are not shown as was asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Refusal {
    /// The header names none, and nobody said which.
    NoCodec,
    /// The header names one that nobody here knows.
    Unknown(u32),
    /// It does not describe itself.
    NoType(Codec),
    /// It needs more than words about a type.
    NeedsProgram(Codec),
    /// It knows no types.
    Untyped(Codec),
    /// There are no messages, and so no codec that made them.
    Elements(Codec),
    /// The type lies in no slot.
    NotPlain(NotPlain),
    /// The ring is not of that codec, or not of that type.
    Other(Incompatible),
}

/// One item or message in its form.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Shown {
    Line(String),
    Rows(Vec<String>),
    /// A member of an object, by its name.
    Member(&'static str, Json),
}

impl Codec {
    const NAMED: [Self; 4] = [Self::Postcard, Self::Bincode, Self::Rkyv, Self::Flatbuffers];

    /// The number by which a header names it.
    fn id(self) -> Option<u32> {
        (1..).zip(Self::NAMED).find(|(_, codec)| *codec == self).map(|(id, _)| id)
    }

    /// The form that needs nothing else.
    const fn form(self) -> Option<Form> {
        Some(match self {
            Self::Bytes => Form::Bytes,
            Self::Hex => Form::Hex,
            Self::Utf8 => Form::Utf8,
            Self::Json => Form::Json,
            Self::Postcard | Self::Bincode | Self::Rkyv | Self::Flatbuffers => return None,
        })
    }
}

impl Form {
    /// Of what lies in the slots of a ring without messages.
    pub(super) fn of_elements(
        spec: &Spec,
        codec: Option<Codec>,
        kind: Option<Type>,
    ) -> Result<Self, Refusal> {
        match (codec, kind) {
            (Some(codec), kind) => simple(codec, kind.as_ref())?.ok_or(Refusal::Elements(codec)),
            (None, Some(kind)) => {
                let unless = |field, got, want| {
                    if got == want { Ok(()) } else { Err(Refusal::Other(Incompatible { field, got, want })) }
                };
                let width = kind.width().map_err(Refusal::NotPlain)? as u64;
                let meant = kind.fingerprint().map_err(Refusal::NotPlain)?;
                unless(Field::ElementSize, u64::from(spec.size), width)?;
                // Without names it is a way to look at the bytes, and any of their length is as good as another.
                if kind.is_named() {
                    unless(Field::Fingerprint, spec.fingerprint, meant.bits())?;
                }
                Ok(Self::Value(By::Plain, kind))
            }
            (None, None) => Ok(Self::Bytes),
        }
    }

    /// Of messages in a ring that was made for the codec of that number.
    pub(super) fn of_messages(named: u32, codec: Option<Codec>, kind: Option<Type>) -> Result<Self, Refusal> {
        let told = (named != 0)
            .then(|| Codec::NAMED.get(named as usize - 1).copied().ok_or(Refusal::Unknown(named)));
        let codec = match codec {
            Some(codec) => codec,
            None => told.unwrap_or(Err(Refusal::NoCodec))?,
        };
        if let Some(form) = simple(codec, kind.as_ref())? {
            return Ok(form);
        }
        if let Some(want) = codec.id().filter(|id| named != 0 && *id != named) {
            let (got, want) = (u64::from(named), u64::from(want));
            return Err(Refusal::Other(Incompatible { field: Field::Codec, got, want }));
        }
        let by = match codec {
            Codec::Postcard => By::Postcard,
            Codec::Bincode => By::Bincode,
            _ => return Err(Refusal::NeedsProgram(codec)),
        };
        Ok(Self::Value(by, kind.ok_or(Refusal::NoType(codec))?))
    }

    /// Those bytes as a line, or as rows.
    pub(super) fn line(&self, bytes: &[u8]) -> Result<Shown, String> {
        Ok(Shown::Line(match self {
            Self::Bytes => bytes.escape_ascii().to_string(),
            Self::Hex => return Ok(Shown::Rows(rows(bytes))),
            Self::Utf8 => text(bytes)?.chars().map(legible).collect(),
            Self::Json => document(bytes)?.to_string().chars().map(safe).collect(),
            Self::Value(by, kind) => value(*by, kind, bytes)?.to_string(),
        }))
    }

    /// Those bytes as a member of an object.
    pub(super) fn member(&self, bytes: &[u8]) -> Result<Shown, String> {
        Ok(match self {
            Self::Bytes | Self::Hex => Shown::Member("hex", hex(bytes).into()),
            Self::Utf8 => Shown::Member("text", text(bytes)?.into()),
            Self::Json => Shown::Member("json", document(bytes)?),
            Self::Value(by, kind) => Shown::Member("value", value(*by, kind, bytes)?.json()),
        })
    }
}

/// The form of a codec that needs no type, and is given none.
fn simple(codec: Codec, kind: Option<&Type>) -> Result<Option<Form>, Refusal> {
    match codec.form() {
        Some(_) if kind.is_some() => Err(Refusal::Untyped(codec)),
        form => Ok(form),
    }
}

fn text(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

fn document(bytes: &[u8]) -> Result<Json, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}

fn value(by: By, kind: &Type, bytes: &[u8]) -> Result<Value, String> {
    wire::decode(by, kind, bytes).map_err(|error: DecodeError| error.to_string())
}

/// What a terminal would obey, as JSON has it in text.
fn safe(letter: char) -> String {
    if letter.is_control() { format!("\\u{:04x}", u32::from(letter)) } else { letter.to_string() }
}

/// Text as it is, but for what is no letter of it.
fn legible(letter: char) -> String {
    if matches!(letter, '"' | '\'') { letter.to_string() } else { letter.escape_debug().to_string() }
}

fn rows(bytes: &[u8]) -> Vec<String> {
    let printable =
        |byte: &u8| if *byte == b' ' || byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
    let row = |(at, row): (usize, &[u8])| {
        let numbers: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String = row.iter().map(printable).collect();
        format!("  {at:04x}  {:<47}  {text}", numbers.join(" "))
    };
    (0..).step_by(16).zip(bytes.chunks(16)).map(row).collect()
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_possible_value().map_or(Ok(()), |value| f.write_str(value.get_name()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCodec => {
                f.write_str("its header names no codec: `--codec` says which its messages are in")
            }
            Self::Unknown(id) => write!(f, "its header names codec {id}, which is none of those known here"),
            Self::NoType(codec) => write!(
                f,
                "{codec} does not describe itself: `--type` says what a message is, as in --type 'id: u64, note: String'"
            ),
            Self::NeedsProgram(codec) => write!(
                f,
                "{codec} is read by the very type that wrote it: what can be shown is --codec bytes, hex, utf8 or json"
            ),
            Self::Untyped(codec) => {
                write!(f, "{codec} knows no types: without `--type`, or by another codec")
            }
            Self::Elements(codec) => write!(
                f,
                "its slots hold elements, which {codec} did not make: --type alone shows them as they lie"
            ),
            Self::NotPlain(error) => error.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refusal {}

/// One line of JSON about an item.
pub(super) fn object(position: u64, kind: Option<u8>, (name, value): (&'static str, Json)) -> Json {
    let mut object = json!({ "position": position, name: value });
    if let Some(kind) = kind {
        object["kind"] = kind.into();
    }
    object
}
