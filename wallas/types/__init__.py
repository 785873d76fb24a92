"""The canonical values between wires: requests, answers, events and how a stream waits."""
