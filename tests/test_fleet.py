"""A few seconds of the fleet (`bench/fleet`) over real sockets; its five minutes are a command (docs/routing.md)."""

import pytest

from bench.fleet.__main__ import run

SECONDS, REQUESTS, SEED = 5.0, 50, 105
"""A seed of which nobody hangs: waiting for those takes longer than a test may."""


@pytest.mark.filterwarnings("ignore")
def test_a_fleet_with_lies_limits_deaths_and_outages_is_mastered(tmp_path):
    told = run(tmp_path, seconds=SECONDS, seed=SEED, requests=REQUESTS, settle=0.1)
    assert told["requests"] >= REQUESTS * 0.9, told
    assert (told["silently wrong"], told["paid calls"], told["failed"]) == (0, 0, 0), told
    assert told["429s a request"] <= 0.1, told
    assert max(told["calls to the dead"].values(), default=0) <= 3, told
