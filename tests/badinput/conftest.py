"""One gateway in this process for all tests of bad input."""

from collections.abc import Iterator

import pytest
from flask import Flask

from tests.badinput.gate import Gate, errors_kept, gateway
from tests.badinput.sdks import Sdks
from tests.fakes import FakeProvider, say


@pytest.fixture(scope="session")
def provider_all() -> Iterator[FakeProvider]:
    """Yield the scripted provider of the whole session."""
    with FakeProvider(models=["m"], otherwise=lambda request: (say("ok"),)) as provider:
        yield provider


@pytest.fixture(scope="session")
def app(provider_all: FakeProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Yield the gateway."""
    with gateway(tmp_path_factory.mktemp("gate"), provider_all.url) as app:
        yield app


@pytest.fixture(scope="session")
def sdks() -> Sdks:
    """Return the vendors' SDKs."""
    return Sdks()


@pytest.fixture
def gate(app: Flask, provider_all: FakeProvider, sdks: Sdks) -> Iterator[Gate]:
    """Yield the gateway with nothing left of earlier tests."""
    provider_all.forget()
    with errors_kept() as errors:
        yield Gate(app, provider_all, sdks, errors)
