//! How worlds are beset, judged and searched.

mod budget;
mod buggify;
mod crew;
mod explore;
mod families;
mod faults;
mod linear;
mod oracles;
mod order;
mod planted;
mod scenario;
mod validation;
