"""One gateway for each file of fault tests: its retry budget is a gateway's own, and must not run out of use."""

from collections.abc import Iterator

import pytest

from tests.faults.doors import doors
from tests.faults.gateway import CANARY, Board, Gateway, serving, tables


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Yield the running gateway; at the end see that it kept its keys to itself and that no worker died."""
    folder = tmp_path_factory.mktemp("gateway")
    with (
        Board() as board,
        doors(folder) as (closed, authority),
        serving(folder, board, config=tables(board, closed), SSL_CERT_FILE=authority) as running,
    ):
        yield running
        assert len(running.workers()) == 1
        running.get("/v1/stats")
        said = running.said()
        assert "Traceback" not in said, said[-3000:]
        assert "was sent SIG" not in said and "exited with code" not in said
        assert CANARY not in said
        for file in folder.glob("wallas.sqlite*"):
            assert CANARY.encode() not in file.read_bytes()
