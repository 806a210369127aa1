//! Messages, tokens, edges, nodes, graphs and the workers that drive them.
