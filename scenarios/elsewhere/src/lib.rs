#![doc = include_str!("../README.md")]

mod board;
pub mod gaps;
mod here;
mod items;
mod script;
mod streams;
pub mod world;

pub use board::{Act, Board};
pub use here::{Here, OnNet, Stage};
pub use script::{Class, Program, Step, Teller, an_hour, script};
pub use world::{Told, World};
