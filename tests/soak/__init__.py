"""Long runs: each is a command of its own, with a short form among the tests."""
