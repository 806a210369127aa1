//! The laws of the seams, kept by the parts of this world that need no board.

use tidemill_contracts::link::Ends;
use tidemill_contracts::{link_contract, region_contract};
use tidemill_mcu::{Guarded, Loopback, loopback_words};
use tidemill_ring::Heap;

fn views(words: u32) -> (Guarded<Heap>, Guarded<Heap>) {
    let heap = Heap::new(words);
    (Guarded(heap.clone()), Guarded(heap))
}

fn ends(cells: u32) -> Ends<Loopback<Heap>, Loopback<Heap>> {
    let heap = || Heap::new(loopback_words(cells) as u32);
    let (left, right) = Loopback::pair(heap(), heap(), cells).expect("the rings fit");
    Ends { left, right, to_left: (), to_right: () }
}

region_contract!(guarded, views, exchange);
link_contract!(loopback_of_one_cell, || ends(1), || ());
link_contract!(loopback_of_sixteen_cells, || ends(16), || ());
