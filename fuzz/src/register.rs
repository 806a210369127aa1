use crate::Outcome;
use crate::feed::Feed;
use crc::{CRC_32_ISCSI, Crc};
use tidemill_host::SlotRegister;
use tidemill_seam::{
    ExchangeError, Exchanged, Geometry, ReadError, ReadingError, Register, Store, SyncError, Version,
    WriteError,
};

const BLOCK: usize = 64;
const BLOCKS: usize = 4;
const CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Steps of one input, at most.
const STEPS: usize = 256;

/// A medium that somebody else wrote.
struct Medium(Vec<u8>);

impl Store for Medium {
    fn geometry(&self) -> Geometry {
        Geometry { block: BLOCK as u32, blocks: BLOCKS as u64 }
    }

    fn read(&mut self, at: u64, into: &mut [u8]) -> Result<(), ReadError> {
        self.geometry().place(at, into.len())?;
        into.copy_from_slice(&self.0[at as usize..at as usize + into.len()]);
        Ok(())
    }

    fn write(&mut self, at: u64, from: &[u8]) -> Result<(), WriteError> {
        self.geometry().place(at, from.len())?;
        self.0[at as usize..at as usize + from.len()].copy_from_slice(from);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), SyncError> {
        Ok(())
    }
}

/// The input is an image of four blocks, then a script: damage, damage under a good checksum, reads and exchanges.
pub(crate) fn run(bytes: &[u8]) -> Outcome {
    let mut feed = Feed(bytes);
    let mut image = feed.bytes(BLOCK * BLOCKS).to_vec();
    image.resize(BLOCK * BLOCKS, 0);
    let mut register = SlotRegister::new(Medium(image));
    let mut known = None;
    let (mut read, mut won, mut corrupt) = (0, 0, 0);
    for _ in 0..STEPS {
        if feed.is_empty() {
            break;
        }
        match feed.byte() % 5 {
            0 => match stands(&mut register) {
                Ok(found) => {
                    assert!(known.as_ref().is_none_or(|known| *known == found), "{known:?} became {found:?}");
                    known = Some(found);
                    read += 1;
                }
                Err(ReadingError::Corrupt) => corrupt += 1,
                Err(ReadingError::Absent) => {}
                Err(error) => panic!("a medium that never fails: {error:?}"),
            },
            1 => won += usize::from(exchange(&mut register, &mut feed, &mut known)),
            2 => register = SlotRegister::new(register.into_store()),
            how => {
                let mut medium = register.into_store();
                damage(&mut medium.0, &mut feed, how == 4);
                (register, known) = (SlotRegister::new(medium), None);
            }
        }
    }
    Outcome::sized("register", &[read, won, corrupt])
}

type Standing = (Version, Vec<u8>);

fn stands(register: &mut SlotRegister<Medium>) -> Result<Standing, ReadingError> {
    let mut into = [0; BLOCK];
    let reading = register.read(&mut into)?;
    assert!(reading.len <= register.capacity(), "a value of {} bytes", reading.len);
    Ok((reading.version, into[..reading.len].to_vec()))
}

/// Offers a value, on top of the version that stands there or of another one. Whether it won.
fn exchange(register: &mut SlotRegister<Medium>, feed: &mut Feed<'_>, known: &mut Option<Standing>) -> bool {
    let expected = match feed.byte() {
        0 => Version(feed.u64()),
        1 => Version::NONE,
        _ => stands(register).map_or(Version::NONE, |(version, _)| version),
    };
    let len = usize::from(feed.byte()) % BLOCK;
    let value = feed.bytes(len).to_vec();
    match register.exchange(expected, &value) {
        Ok(Exchanged::Won(version)) => {
            assert_eq!(Some(version.0), expected.0.checked_add(1), "it won {version:?} over {expected:?}");
            *known = Some((version, value));
            true
        }
        Ok(Exchanged::Lost(version)) => {
            assert_ne!(version, expected, "it lost against what it expected");
            false
        }
        Err(ExchangeError::TooLong { capacity }) => {
            assert!(value.len() > capacity, "{} bytes are too long for {capacity}", value.len());
            false
        }
        Err(ExchangeError::Corrupt) => false,
        other => panic!("a medium that never fails: {other:?}"),
    }
}

/// Overwrites a few bytes of a block; `sound` gives the block a good checksum afterwards.
fn damage(image: &mut [u8], feed: &mut Feed<'_>, sound: bool) {
    let (block, at) = (usize::from(feed.byte()) % BLOCKS, usize::from(feed.byte()) % BLOCK);
    let len = usize::from(feed.byte()) % 9;
    let bytes = feed.bytes(len);
    let block = &mut image[block * BLOCK..(block + 1) * BLOCK];
    for (place, byte) in block[at..].iter_mut().zip(bytes) {
        *place = *byte;
    }
    if sound {
        let (covered, checksum) = block.split_at_mut(BLOCK - 4);
        checksum.copy_from_slice(&CRC.checksum(covered).to_le_bytes());
    }
}

/// Images after no, one and two exchanges, each read, damaged, read again and written to.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let mut medium = Medium(vec![0; BLOCK * BLOCKS]);
    SlotRegister::format(&mut medium).expect("a medium that never fails");
    let mut images = vec![medium.0.clone()];
    let mut register = SlotRegister::new(medium);
    for version in 0..2 {
        let won = register.exchange(Version(version), b"value");
        assert_eq!(won, Ok(Exchanged::Won(Version(version + 1))));
        medium = register.into_store();
        images.push(medium.0.clone());
        register = SlotRegister::new(medium);
    }
    let script = b"\0\x01\x02\x05hello\0\x02\0\x03\0\x0a\x02zz\0\x04\x02\x08\x08\xff\xff\xff\xff\xff\xff\xff\xff\0\x01\x02\x03new\0";
    images.into_iter().map(|image| [image, script.to_vec()].concat()).collect()
}
