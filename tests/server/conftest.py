"""The server that most of these tests share."""

from collections.abc import Iterator

import pytest

from tests.server.kit import Server, serving


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Yield the server; nothing that these tests do to it, but what they say, may end in a traceback."""
    with serving(tmp_path_factory.mktemp("server")) as running:
        yield running
        allowed = ("the app broke", "InvalidResponseHeader")
        blocks = running.said().split("Traceback")[1:]
        assert [block for block in blocks if not any(word in block for word in allowed)] == []
