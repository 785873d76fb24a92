"""A whole gateway in the test's own process, whose providers, by their real names, are scripted ones on sockets."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.fakes import FakeProvider, fake_providers
from wallas.app import create_app
from wallas.quota.clocks import Steady
from wallas.routing.desk import RetryBudget
from wallas.settings import load_settings

PREFIXES = {"gemini": "/v1beta", "cohere": ""}
MODELS = {"m": "free = true", "n": "free = true", "p": "free = false\nprice = { input = 1.0, output = 2.0 }"}


class Gate(NamedTuple):
    """The gateway, by its client and by what it holds, and the providers."""

    client: Any
    service: Any
    fakes: dict[str, FakeProvider]

    def ask(self, model: str) -> Any:
        """Return the answer to a short question that waits for nobody."""
        body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
        wishes = {"X-Wallas-Wait": "0", "X-Wallas-Cost-Mode": "allow_paid"}
        return self.client.post("/v1/chat/completions", json=body, headers=wishes)

    def rows(self) -> dict[tuple[str, str], Any]:
        """Return the windows by provider and kind."""
        told = self.client.get("/v1/quota").json["data"]
        return {(row["provider"], row["window"]): row for row in told if row["model"] != "n"}

    def tell(self, clock: Callable[[], float]) -> None:
        """Let quota, health and choice go by this clock (epoch seconds) from now on, and share with nobody."""
        service = self.service
        service.jobs.close()  # a new catalog would come with a selector that goes by the real clock
        service.sharing.close()
        service.health.clock = service.health.wall = service.router.selector.clock = clock
        service.router.desk.budget.clock = clock
        service.quota.ledger.now = Steady(clock, clock)


@contextlib.contextmanager
def inside(folder: Path, names: Sequence[str], *, more: str = "") -> Iterator[Gate]:
    """Serve with a fake provider for each name; each has two free models and one that costs."""
    with fake_providers(len(names)) as servers:
        fakes = dict(zip(names, servers, strict=True))
        (folder / "wallas.toml").write_text("\n".join([*(_table(name, fakes[name]) for name in names), more]))
        environ = {
            "OLLAMA_UPSTREAM": "http://127.0.0.1:1",
            "WALLAS_KEYLESS": "false",
            "WALLAS_DATABASE_URL": f"sqlite:///{folder / 'wallas.sqlite'}",
        }
        app = create_app(load_settings(environ, directory=folder))
        service = app.extensions["wallas"]
        service.router.desk.budget = RetryBudget()
        try:
            yield Gate(app.test_client(), service, fakes)
        finally:
            service.close()


def _table(name: str, fake: FakeProvider) -> str:
    lines = [f"[providers.{name}]", f'base_url = "{fake.url + PREFIXES.get(name, "/v1")}"']
    lines += [f'api_key = "k-{name}"', "discover = false"]
    for id, who in MODELS.items():
        lines += [f"[[providers.{name}.models]]", f'id = "{id}"', who, "context = 9000"]
    return "\n".join(lines)
