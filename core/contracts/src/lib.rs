//! Numbered laws as generic functions, obviously-right models, and broken twins that the laws reject.
