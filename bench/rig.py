"""What every experiment is given: the programs, a folder, the upstream; and how it runs a gateway of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import servers
from scenarios import Scenario, measured
from servers import Server


class Rig(NamedTuple):
    """The load generator, a folder for files, and the upstream that is up all the while."""

    load: Path
    folder: Path
    upstream: Server

    def measure(self, scenario: Scenario, server: Server) -> dict[str, Any]:
        """Return one scenario's figures at one server."""
        return measured(scenario, server, load=self.load, folder=self.folder, upstream=self.upstream)

    def own_folder(self, name: str) -> Path:
        """Return a folder for one gateway's settings and database."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        return folder

    @contextmanager
    def gateway(self, name: str, *, config: str = "", workers: int = 1) -> Iterator[Server]:
        """Run a gateway with a folder of its own; its database is made before, as at every start but the first."""
        folder = self.own_folder(name)
        if not (folder / "wallas.sqlite").exists():
            servers.gateway(folder, self.upstream, name=name, config=config, workers=workers).end()
        server = servers.gateway(folder, self.upstream, name=name, config=config, workers=workers)
        try:
            yield server
        finally:
            server.end()
