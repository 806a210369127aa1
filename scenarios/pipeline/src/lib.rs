//! The thermometer pipeline: one graph definition for the simulator, Linux and boards.
