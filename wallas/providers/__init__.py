"""One outside service each: how it is reached, what it refuses, how its answers and errors read."""
