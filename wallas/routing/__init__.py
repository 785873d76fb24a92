"""Which model answers, in what order they are tried, and how one takes over from another."""
