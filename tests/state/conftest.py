"""A gateway of two workers over each kind of database, with fresh providers for each test."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes import FakeProvider, say
from tests.state.kit import Gateway, gateway, profile, provider
from wallas.storage.migrate import upgrade

PAIRS = 24


class Pair:
    """Two providers that no test has used, and the profile that asks ``first`` before ``second``."""

    def __init__(self, gateway: Gateway, number: int, first: FakeProvider, second: FakeProvider) -> None:
        """Know them."""
        self.gateway = gateway
        self.model = f"mine{number}"
        self.names = (f"one{number}/m", f"two{number}/m")
        self.first = first
        self.second = second


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def pairs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Iterator[Pair]]:
    """Yield pairs at one running gateway, which no test may end."""
    folder = tmp_path_factory.mktemp("shared")
    url = f"sqlite:///{folder / 'wallas.sqlite'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").new()
    upgrade(url)
    with contextlib.ExitStack() as stack:
        config, made = "", []
        for number in range(PAIRS):
            first = stack.enter_context(FakeProvider(otherwise=lambda request: (say("from one"),)))
            second = stack.enter_context(FakeProvider(otherwise=lambda request: (say("from two"),)))
            config += provider(f"one{number}", first.url) + provider(f"two{number}", second.url)
            config += profile(f"one{number}/m", f"two{number}/m", name=f"mine{number}")
            made.append((number, first, second))
        running = stack.enter_context(gateway(folder, url, config))
        yield (Pair(running, *one) for one in made)


@pytest.fixture
def pair(pairs: Iterator[Pair]) -> Pair:
    """Return providers of a running gateway of two workers."""
    return next(pairs)


@pytest.fixture
def lines(pair: Pair) -> Iterator[tuple[object, object]]:
    """Yield a connection to each of the two workers."""
    one, other = pair.gateway.lines()
    yield one, other
    one.close()
    other.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder."""
    return tmp_path
