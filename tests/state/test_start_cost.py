"""A start loads what a first request needs and nothing else; counted, for seconds depend on the machine.

The seconds and megabytes themselves: `python -m tests.state.start_cost`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wallas.settings import ROOT
from wallas.storage.migrate import upgrade

LATER = {
    "alembic": "only a database of another version is migrated, and by a process of its own",
    "apscheduler": "only the elected worker runs jobs",
    "mako": "belongs to alembic",
    "flask_sock": "only a WebSocket's first client needs it",
    "psycopg": "the database is SQLite",
    "wallas.realtime": "only a WebSocket's first client needs it",
    "requests": "not needed to serve",
    "sqlalchemy.orm": "tables are tables here, not classes",
    "wallas.simulated": "only the demo has simulated providers",
    "wallas.catalog.refresh": "only jobs and unknown names ask for lists",
    "wallas.providers.cohere": "an adapter is loaded for a provider that can be used",
    "wallas.providers.gemini": "an adapter is loaded for a provider that can be used",
    "wallas.codecs.cohere": "a wire that nobody has spoken yet",
}
MOST = 823
"""Modules in all, Python's own included; a new dependency that is loaded at a start should be noticed.

The ledger of quotas is twelve of them, as every call is counted, the quality guard and the store of media ten.
"""

CODE = """
import os, sys
from wallas.app import create_app
from wallas.service import Pace
create_app(pace=Pace(refresh_delay=600.0))  # on a busy machine a start takes longer than the usual delay
print(len(sys.modules))
print(*sorted(sys.modules))
sys.stdout.flush()
os._exit(0)
"""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Return the modules that a worker has loaded when it begins to serve."""
    url = f"sqlite:///{tmp_path_factory.mktemp('start') / 'wallas.sqlite'}"
    upgrade(url)
    config = Path(tmp_path_factory.mktemp("config")) / "wallas.toml"
    config.write_text('[providers.own]\nwire = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n')
    environ = {
        "PATH": os.environ["PATH"],
        "WALLAS_DATABASE_URL": url,
        "WALLAS_KEYLESS": "false",
        "WALLAS_CONFIG": str(config),
        "OLLAMA_UPSTREAM": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    count, names = done.stdout.split("\n")[:2]
    assert int(count) == len(names.split())
    return set(names.split())


@pytest.mark.parametrize("name", sorted(LATER))
def test_a_start_does_not_load(loaded, name):
    assert [module for module in loaded if module == name or module.startswith(f"{name}.")] == [], LATER[name]


def test_a_start_loads_no_more_than_it_did(loaded):
    assert len(loaded) <= MOST


def test_the_master_loads_neither_the_database_layer_nor_the_web_framework(tmp_path):
    code = "import sys, wallas.master; wallas.master.current_settings(); print(*sys.modules)"
    environ = {"PATH": os.environ["PATH"], "WALLAS_DATABASE_URL": f"sqlite:///{tmp_path / 'wallas.sqlite'}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environ, capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert loaded & {"sqlalchemy", "flask", "werkzeug", "alembic", "urllib3"} == set()
    assert "wallas.providers.registry" not in done.stdout
