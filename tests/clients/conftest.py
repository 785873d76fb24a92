"""What the tests of clients share: scripted providers, one live gateway, and one inside the test's own process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.clients.fleet import NOBODY, Fleet, gateway
from wallas.app import create_app
from wallas.routing.desk import RetryBudget
from wallas.settings import load_settings


@pytest.fixture(scope="session")
def fleet_all() -> Iterator[Fleet]:
    """Yield the scripted providers of the whole session."""
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
def fleet(fleet_all: Fleet) -> Fleet:
    """Return the scripted providers, with nothing left of earlier tests."""
    fleet_all.reset()
    return fleet_all


@pytest.fixture(scope="session")
def url(fleet_all: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a live gateway: a gunicorn of its own, as users start it."""
    with gateway(tmp_path_factory.mktemp("gateway"), fleet_all) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def app(fleet_all: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """Yield a gateway in this process."""
    folder: Path = tmp_path_factory.mktemp("inside")
    (folder / "wallas.toml").write_text(fleet_all.toml())
    app = create_app(load_settings({"OLLAMA_UPSTREAM": "http://127.0.0.1:1", **NOBODY}, directory=folder))
    yield app
    app.extensions["wallas"].close()


@pytest.fixture
def inside(app: Flask) -> FlaskClient:
    """Return a client of the gateway in this process, whose retry budget is full again: these tests retry often."""
    app.extensions["wallas"].router.desk.budget = RetryBudget()
    return app.test_client()
