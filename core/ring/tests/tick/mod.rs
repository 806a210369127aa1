//! A value with a table, as `flatc` would generate it.

use tidemill_ring::codec::Table;
use tidemill_ring::codec::flatbuffers::{
    self, Allocator, FlatBufferBuilder, Follow, ForwardsUOffset, InvalidFlatbuffer, Verifiable, Verifier,
    WIPOffset,
};

/// What FlatBuffers takes by way of its table.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tick {
    pub(crate) price: u64,
    pub(crate) venue: String,
}

/// What `flatc` would generate of `table Tick { price: ulong; venue: string (required); }`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TickTable<'a>(flatbuffers::Table<'a>);

const PRICE: u16 = 4;
const VENUE: u16 = 6;

impl<'a> Follow<'a> for TickTable<'a> {
    type Inner = Self;

    unsafe fn follow(buffer: &'a [u8], at: usize) -> Self {
        // SAFETY: a table begins there: the caller's promise.
        Self(unsafe { flatbuffers::Table::new(buffer, at) })
    }
}

impl Verifiable for TickTable<'_> {
    fn run_verifier(verifier: &mut Verifier<'_, '_>, at: usize) -> Result<(), InvalidFlatbuffer> {
        verifier
            .visit_table(at)?
            .visit_field::<u64>("price", PRICE, false)?
            .visit_field::<ForwardsUOffset<&str>>("venue", VENUE, true)?
            .finish();
        Ok(())
    }
}

impl<'a> TickTable<'a> {
    pub(crate) fn price(&self) -> u64 {
        // SAFETY: a field of that kind, found so by the verifier.
        unsafe { self.0.get::<u64>(PRICE, Some(0)) }.expect("it has a default")
    }

    pub(crate) fn venue(&self) -> &'a str {
        // SAFETY: a field of that kind, found so by the verifier.
        unsafe { self.0.get::<ForwardsUOffset<&str>>(VENUE, None) }.expect("it is required")
    }
}

impl Table for Tick {
    type Root<'b> = TickTable<'b>;

    fn write<'b, A: Allocator + 'b>(
        &self,
        builder: &mut FlatBufferBuilder<'b, A>,
    ) -> WIPOffset<TickTable<'b>> {
        let venue = builder.create_string(&self.venue);
        let start = builder.start_table();
        builder.push_slot(PRICE, self.price, 0);
        builder.push_slot_always(VENUE, venue);
        WIPOffset::new(builder.end_table(start).value())
    }

    fn read(root: TickTable<'_>) -> Option<Self> {
        Some(Self { price: root.price(), venue: root.venue().into() })
    }
}
