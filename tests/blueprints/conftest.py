"""Gateways in this process, each with the settings that a test wants, and one scripted provider for all."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.badinput.gate import Gate, errors_kept, gateway
from tests.badinput.sdks import Sdks
from tests.fakes import FakeProvider, say


@pytest.fixture(scope="session")
def provider_all() -> Iterator[FakeProvider]:
    """Yield the scripted provider of the whole session."""
    with FakeProvider(models=["m"]) as provider:
        yield provider


@pytest.fixture
def provider(provider_all: FakeProvider) -> FakeProvider:
    """Return the scripted provider with nothing left of earlier tests; it says ``ok``."""
    provider_all.forget()
    provider_all.otherwise = lambda request: (say("ok"),)
    return provider_all


@pytest.fixture(scope="session")
def apps(provider_all: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Flask]]:
    """Yield what returns a gateway with these settings, the same one for the same settings."""
    made: dict[tuple[tuple[str, str], ...], Flask] = {}
    with ExitStack() as stack:

        def app(**settings: str) -> Flask:
            named = tuple(sorted(settings.items()))
            if named not in made:
                folder = tmp_path_factory.mktemp("gateway")
                made[named] = stack.enter_context(gateway(folder, provider_all.url, **settings))
            return made[named]

        yield app


@pytest.fixture
def client(apps: Callable[..., Flask], provider: FakeProvider) -> FlaskClient:
    """Return a client of a gateway with the usual settings."""
    return apps().test_client()


@pytest.fixture(scope="session")
def sdks() -> Sdks:
    """Return the vendors' SDKs."""
    return Sdks()


@pytest.fixture
def gate(apps: Callable[..., Flask], provider: FakeProvider, sdks: Sdks) -> Iterator[Gate]:
    """Yield a gateway with the usual settings, and what reads its refusals."""
    with errors_kept() as errors:
        yield Gate(apps(), provider, sdks, errors)
