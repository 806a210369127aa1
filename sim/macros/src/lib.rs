//! The attribute behind `tidemill_sim::test`.
