"""HTTP in: one file a client protocol, each a few lines of decode, answer, respond."""
