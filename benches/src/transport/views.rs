//! Values of 592 bytes that rkyv archives: encoded into a message, validated as a whole and read where they lie.

use tidemill_host::ring::{TypedConsumer, TypedProducer};
use tidemill_ring::codec::Rkyv;
use tidemill_ring::{Next, Policies, Start, Trusting, typed};

use super::ours::{GRANULE, GRANULES, shared};
use super::{Report, Role, Taken, seed, send_all, take_all};

/// A book of orders, as large as one of them: 592 bytes, in memory as in a message.
pub type Book = (u64, [u64; 73]);

/// Bytes of a [`Book`].
pub const BYTES: usize = 592;
const WORDS: usize = BYTES / 8;

/// The book of a message: its words are those of a payload of as many bytes.
#[must_use]
pub fn book(message: u64) -> Book {
    let word = |k: usize| seed(message).wrapping_add(k as u64);
    (word(0), std::array::from_fn(|k| word(k + 1)))
}

/// Reads all of a book.
pub fn read(taken: &mut Taken, first: u64, others: impl Iterator<Item = u64>) {
    taken.words(std::iter::once(first).chain(others), WORDS);
}

fn seen(heard: Option<Next<()>>) -> u64 {
    match heard {
        Some(Next::Item(())) => 1,
        Some(other) => panic!("something else than a book: {other:?}"),
        None => 0,
    }
}

/// A taker and a sender of books over runs.
pub(super) fn runs(name: &str, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    let ring = move || shared(&name).runs::<GRANULE>(GRANULES);
    let sender = ring.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let ring = ring().name("taker").start(Start::Earliest).typed::<Book, _>(Rkyv);
            let mut consumer: TypedConsumer<_, _, _> = ring.consumer().expect("a place");
            meet();
            let report = take_all(items, |taken| {
                let look = |book: &rkyv::Archived<Book>| {
                    read(taken, book.0.to_native(), book.1.iter().map(|word| word.to_native()));
                };
                seen(consumer.view(look))
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let ring = sender().typed::<Book, _>(Rkyv);
            let mut producer: TypedProducer<_, _, _> = ring.producer().expect("nobody produces");
            meet();
            meet();
            let report = send(items, |book| producer.try_publish(book).is_ok());
            meet();
            report
        }),
    ]
}

/// The same, encoded where it will lie and seen there, by parties that believe each other.
pub(super) fn in_place(name: &str, items: u64) -> Vec<Role> {
    let name = format!("{name}a");
    let ring = move || shared(&name).runs::<GRANULE>(GRANULES).policies(Policies::BLOCK);
    let sender = ring.clone();
    vec![
        Box::new(move |meet| {
            meet();
            let ring = ring().name("taker").message_max(0).start(Start::Earliest).typed::<Book, _>(Rkyv);
            let messages = ring.consumer().expect("a place").into_raw();
            // SAFETY: both sides of this ring are this program's, and nobody else knows its name.
            let messages = unsafe { Trusting::new(messages) }.expect("bytes lie anywhere");
            let mut consumer = typed::TypedConsumer::<Book, _, _>::over(messages, Rkyv).expect("its codec");
            meet();
            let report = take_all(items, |taken| {
                let look = |book: &rkyv::Archived<Book>| {
                    read(taken, book.0.to_native(), book.1.iter().map(|word| word.to_native()));
                };
                seen(consumer.view(look))
            });
            meet();
            report
        }),
        Box::new(move |meet| {
            let ring = sender().message_max(0).typed::<Book, _>(Rkyv);
            let messages = ring.producer().expect("nobody produces").into_raw();
            // SAFETY: as above.
            let messages = unsafe { Trusting::new(messages) }.expect("everybody is waited for");
            let no_scratch: [u8; 0] = [];
            let mut producer =
                typed::TypedProducer::<Book, _, _, _>::over(messages, Rkyv, no_scratch).expect("its codec");
            meet();
            meet();
            let report = send(items, |book| producer.try_publish_in_place(book, BYTES).is_ok());
            meet();
            report
        }),
    ]
}

/// Sends books, each of which is made once, however often it is refused.
pub(super) fn send(items: u64, mut publish: impl FnMut(&Book) -> bool) -> Report {
    let (mut made, mut next) = (u64::MAX, book(0));
    send_all(items, |at| {
        if made != at {
            (made, next) = (at, book(at));
        }
        u64::from(publish(&next))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::fill;

    #[test]
    fn a_book_is_a_payload_of_as_many_bytes() {
        assert_eq!((size_of::<Book>(), size_of::<rkyv::Archived<Book>>()), (BYTES, BYTES));
        let mut payload = [0; BYTES];
        fill(&mut payload, 7);
        let (first, others) = book(7);
        let words = std::iter::once(first).chain(others).flat_map(u64::to_ne_bytes);
        assert!(words.eq(payload));
    }
}
