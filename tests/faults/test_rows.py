"""Every upstream fault of the catalogue has a test whose id carries its row."""

import re
from pathlib import Path

HERE = Path(__file__).parent
ELSEWHERE = {62, 63}
"""Embeddings (U62) and media (U63) belong to other tests."""


def test_every_row_has_a_test() -> None:
    text = "".join(path.read_text() for path in HERE.glob("test_*.py") if path.name != Path(__file__).name)
    found = {int(number) for number in re.findall(r"U(\d\d)[-_]", text)}
    assert set(range(1, 66)) - ELSEWHERE - found == set()
    assert {f"C0{number}" for number in range(1, 6)} <= set(
        re.findall(r"C0\d", (HERE / "leaving.py").read_text() + text)
    )
