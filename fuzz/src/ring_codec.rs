use crate::Outcome;
use std::fmt::Debug;
use tidemill_ring::codec::flatbuffers::{Allocator, FlatBufferBuilder, ForwardsUOffset, Vector, WIPOffset};
use tidemill_ring::codec::{Bincode, Codec, EncodeError, Flat, Postcard, Rkyv, Table, View};

const LEN: usize = 8192;

/// A number, a choice, a text, a list and a list of lists.
type Value = (u32, Option<i64>, String, Vec<u16>, Vec<(u8, String)>);

/// Texts, as a FlatBuffers vector of strings.
#[derive(PartialEq, Debug)]
struct Texts(Vec<String>);

impl Table for Texts {
    type Root<'b> = Vector<'b, ForwardsUOffset<&'b str>>;

    fn write<'b, A: Allocator + 'b>(
        &self,
        builder: &mut FlatBufferBuilder<'b, A>,
    ) -> WIPOffset<Self::Root<'b>> {
        let texts: Vec<WIPOffset<&str>> = self.0.iter().map(|text| builder.create_string(text)).collect();
        builder.create_vector(&texts)
    }

    fn read(root: Self::Root<'_>) -> Option<Self> {
        Some(Self(root.iter().map(String::from).collect()))
    }
}

/// Where a frame lies.
#[repr(align(16))]
struct Frame([u8; LEN]);

/// The first byte chooses the codec, the rest are what it reads.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let Some((which, bytes)) = bytes.split_first() else { return Outcome::NOTHING };
    let mut frame = Box::new(Frame([0; LEN]));
    let len = bytes.len().min(LEN);
    frame.0[..len].copy_from_slice(&bytes[..len]);
    let read = &frame.0[..len];
    let size = |value: &Value| [value.2.len(), value.3.len(), value.4.len()];
    match which % 4 {
        0 => reads("postcard", &Postcard, read, size),
        1 => reads("bincode", &Bincode, read, size),
        2 => reads("flatbuffers", &Flat, read, |texts: &Texts| [texts.0.len(), 0, 0]),
        _ => {
            let view = View::<Value>::view(&Rkyv, read);
            let owned = Codec::<Value>::decode(&Rkyv, read);
            assert_eq!(view.is_ok(), owned.is_ok(), "a view and a value of the same bytes");
            if let (Ok(view), Ok(owned)) = (view, owned) {
                assert_eq!((view.0.to_native(), view.2.as_str()), (owned.0, owned.2.as_str()));
            }
            reads("rkyv", &Rkyv, read, size)
        }
    }
}

/// A refusal, or a value that goes round.
fn reads<T: PartialEq + Debug, C: Codec<T>>(
    name: &str,
    codec: &C,
    bytes: &[u8],
    size: impl Fn(&T) -> [usize; 3],
) -> Outcome {
    let value = match codec.decode(bytes) {
        Ok(value) => value,
        Err(error) => return Outcome::of(&format_args!("{name}: {error}")),
    };
    let mut again = Box::new(Frame([0; LEN]));
    if let Ok(len) = codec.encode(&value, &mut again.0) {
        assert_eq!(codec.decode(&again.0[..len]).as_ref(), Ok(&value), "{name} reads what it wrote");
    }
    Outcome::sized(name, &size(&value))
}

/// Values in each codec's own bytes.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let pair = |at: u8| (at, format!("pair {at}"));
    let small: Value = (0, None, String::new(), Vec::new(), Vec::new());
    let large: Value = (u32::MAX, Some(-7), "a text €".into(), (0..20).collect(), (0..5).map(pair).collect());
    let texts = Texts(["", "a", "a text €"].map(String::from).into());
    let mut seeds = vec![seed(2, |frame| Flat.encode(&texts, frame))];
    for value in [small, large] {
        seeds.push(seed(0, |frame| Postcard.encode(&value, frame)));
        seeds.push(seed(1, |frame| Bincode.encode(&value, frame)));
        seeds.push(seed(3, |frame| Rkyv.encode(&value, frame)));
    }
    seeds
}

fn seed(which: u8, encode: impl Fn(&mut [u8]) -> Result<usize, EncodeError>) -> Vec<u8> {
    let mut frame = Box::new(Frame([0; LEN]));
    let len = encode(&mut frame.0).expect("a seed fits in a frame");
    [&[which][..], &frame.0[..len]].concat()
}
