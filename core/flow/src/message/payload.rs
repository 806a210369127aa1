/// What a message carries.
///
/// It owns its content (`'static`) and knows its length; nothing else is asked. The length is what byte caps count: it
/// need not be the size in memory.
pub trait Payload: 'static {
    /// No value is longer.
    const MAX_BYTES: u32;

    /// Length of this value in bytes, at most [`MAX_BYTES`](Self::MAX_BYTES).
    fn bytes(&self) -> u32 {
        Self::MAX_BYTES
    }
}

macro_rules! scalars {
    ($($scalar:ty)*) => {$(
        impl Payload for $scalar {
            const MAX_BYTES: u32 = size_of::<$scalar>() as u32;
        }
    )*};
}

scalars!(() bool char u8 u16 u32 u64 u128 i8 i16 i32 i64 i128 f32 f64);

impl<P: Payload, const N: usize> Payload for [P; N] {
    const MAX_BYTES: u32 = match P::MAX_BYTES.checked_mul(N as u32) {
        Some(bytes) => bytes,
        None => panic!("an array payload is longer than 4 GiB"),
    };

    fn bytes(&self) -> u32 {
        self.iter().map(P::bytes).sum()
    }
}

impl<P: Payload> Payload for Option<P> {
    const MAX_BYTES: u32 = P::MAX_BYTES;

    fn bytes(&self) -> u32 {
        self.as_ref().map_or(0, P::bytes)
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => {$(
        impl<$($name: Payload),+> Payload for ($($name,)+) {
            const MAX_BYTES: u32 = 0 $(+ $name::MAX_BYTES)+;

            fn bytes(&self) -> u32 {
                #[expect(non_snake_case, reason = "one variable a type parameter, of the same name")]
                let ($($name,)+) = self;
                0 $(+ $name.bytes())+
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}
