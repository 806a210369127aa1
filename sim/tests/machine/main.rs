//! What a process of the world has, seam by seam, and what becomes of it when the process dies.

mod clocks;
mod disk;
mod flow;
mod memory;
mod registers;
mod seams;
mod streams;
mod tasks;
mod world;
