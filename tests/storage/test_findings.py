"""Findings of several workers amount to the same on both databases as in memory."""

import pytest

from wallas.catalog.findings import Finding, after
from wallas.storage.findings import FindingChange, load_findings, save_findings
from wallas.storage.plain import Writing


def seen(*, began, at, times=1, address="a"):
    return Finding("p", "m", "*", "gone", address, 404, f"said at {at}", began, at, times)


def save(engine, finding, updated_at=1.0):
    with Writing(engine) as to:
        save_findings(to, [FindingChange(*finding, updated_at=updated_at)])


@pytest.mark.parametrize(
    "changes, times",
    [
        ([seen(began=1, at=2), seen(began=3, at=4)], 2),
        ([seen(began=1, at=3), seen(began=2, at=4)], 1),
        ([seen(began=1, at=2), seen(began=3, at=4), seen(began=5, at=5, times=0)], 0),
        ([seen(began=1, at=2), seen(began=3, at=4, times=0), seen(began=5, at=6)], 1),
        ([seen(began=1, at=2), seen(began=3, at=4, address="b")], 1),
    ],
)
def test_what_is_stored_is_what_a_worker_would_remember(engine, changes, times):
    remembered = None
    for change in changes:
        save(engine, change)
        remembered = after(remembered, change)
    (row,) = load_findings(engine)
    assert Finding(*row[:-1]) == remembered
    assert row.times == times


def test_only_what_changed_since_is_read(engine):
    save(engine, seen(began=1, at=2), updated_at=10.0)
    assert load_findings(engine, since=10.0) == []
    assert [row.model for row in load_findings(engine, since=9.0)] == ["m"]
