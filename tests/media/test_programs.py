"""Programs of this machine: what they get, what they say, and how long they may take."""

import time

import pytest

from wallas.media import programs


def test_a_slow_program_gets_all_of_its_input_and_is_heard_to_the_end():
    data = b"x" * 300_000
    assert programs.run(["sh", "-c", "sleep 0.7; cat"], data, seconds=20) == data


def test_a_program_that_nobody_wants_any_more_is_ended():
    began = time.monotonic()
    with pytest.raises(programs.ProgramFailed, match="wanted by nobody"):
        programs.run(["sleep", "60"], seconds=50, wanted=lambda: time.monotonic() - began < 0.2)
    assert time.monotonic() - began < 20


def test_a_program_that_takes_too_long_is_ended():
    with pytest.raises(programs.ProgramFailed, match=r"longer than 0\.2 s"):
        programs.run(["sleep", "60"], seconds=0.2)
