"""A short form of `python -m tests.soak.crash`: what was committed outlives kill -9."""

from tests.soak.crash import crash


def test_what_was_committed_outlives_the_kill_of_every_writer(empty_database, tmp_path):
    outcome = crash(empty_database, rounds=2, folder=tmp_path)
    assert (outcome.kills, outcome.lost, outcome.problems) == (6, 0, [])
    assert outcome.told > 0
