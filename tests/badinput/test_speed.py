"""How long a refusal takes; docs/errors.md has the figures of a live gateway."""

import time

from tests.badinput.doors import DOORS
from tests.badinput.test_fields import ROWS
from wallas.codecs.framing import encode

LIMIT = 0.05
SMALL = 100_000
"""Bytes of a body; larger ones take longer to come than to refuse."""


def test_every_wrong_field_is_refused_within_50_ms(gate):
    bodies = [(DOORS[name].url(), encode(DOORS[name].good(**{field: value}))) for name, _, field, value, _ in ROWS]
    slow = []
    for url, data in bodies:
        if len(data) > SMALL:
            continue
        took = []
        for _ in range(3):
            started = time.perf_counter()
            assert gate.client.post(url, data=data).status_code == 400
            took.append(time.perf_counter() - started)
        if min(took) > LIMIT:
            slow.append((url, min(took), data[:200]))
    assert slow == []
    assert gate.provider.requests == []
