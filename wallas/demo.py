"""The demo: the gateway as it is, with a fleet of simulated providers instead of real ones."""

from dataclasses import replace
from typing import Any

from wallas.routing.continuation import asked_anchor
from wallas.settings import ModelSettings, ProviderSettings, Settings

ABILITIES = ("chat", "tools", "parallel_tools", "json_object", "json_schema", "reasoning", "vision")
CONTEXT = 131072
NOWHERE = "http://127.0.0.1:9"
"""Where nobody answers: a real Ollama's models are no part of the demo."""


class Demo:
    """A running fleet; every model's id and every answer says that it is simulated."""

    def __init__(self) -> None:
        """Start the fleet on ports of its own; its code is loaded for a demo only."""
        from wallas.simulated.fleet import Fleet

        self.fleet = Fleet(anchor=asked_anchor)
        self.urls = self.fleet.start()

    def settings(self, settings: Settings) -> Settings:
        """Return settings in which only the fleet is known."""
        tables = {
            f"simulated-{name}": ProviderSettings(
                wire="openai",
                base_url=url,
                free=True,
                discover=False,
                models=(ModelSettings(id=f"simulated/{name}", context=CONTEXT, capabilities=ABILITIES, free=True),),
            )
            for name, url in self.urls.items()
        }
        nothing: dict[str, Any] = {"keys": {}, "base_urls": {}, "profiles": {}, "aliases": {}}
        return replace(settings, providers=tables, ollama_upstream=NOWHERE, **nothing)

    def close(self) -> None:
        """Stop the fleet."""
        self.fleet.stop()
