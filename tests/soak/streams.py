"""Holds many SDK streams while every fifth provider connection is reset: `python -m tests.soak.streams --streams 1000`.

The official OpenAI client asks for texts that are all different; two scripted
providers drip them, and break every fifth connection off somewhere in
the text. Every answer must be exact to the letter, and nothing may stay open behind it.
"""

import argparse
import asyncio
import contextlib
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.gateway import Gateway, serving, table
from wallas.routing.continuation import asked_anchor
from wallas.simulated.script import Request, Step, hang_up, say
from wallas.simulated.server import Exchange, Provider
from wallas.simulated.wires import last_user_text

WORDS = ["river", "stone", "lamp", "bread", "winter", "harbour", "glass", "letter", "garden", "paper", "shadow", "bell"]
EVERY = 5


class Outcome(NamedTuple):
    """What a run found: ``wrong`` must be 0, and so must be ``open_after``, the providers' connections at the end."""

    streams: int
    wrong: int
    resets: int
    continued: int
    open_after: int
    megabytes: float
    seconds: float


def tale(number: int, words: int) -> str:
    """Return the text of one stream."""
    return " ".join(f"{WORDS[(number * 5 + place * 7) % len(WORDS)]}-{number}-{place}" for place in range(words))


class Resets:
    """Answers as a provider; every fifth of its connections is reset in mid-text."""

    def __init__(self, *, words: int, gap: float) -> None:
        """Tell texts of so many words, a piece each ``gap`` seconds."""
        self.words, self.gap = words, gap
        self.asked = self.resets = self.continued = 0

    def __call__(self, request: Request) -> Sequence[Step]:
        """Return the steps of one answer."""
        self.asked += 1
        first = request.json["messages"][0]["content"]
        text = tale(int(first.split()[-1]), self.words)
        if asked_anchor(last_user_text(request)) is not None:
            self.continued += 1
            return (lambda exchange: self._go_on(exchange, text),)
        if self.asked % EVERY:
            return (say(text, size=24, gap=self.gap),)
        self.resets += 1
        cut = random.randrange(40, len(text) - 40)
        return say(text[:cut], size=24, gap=self.gap, finish=None), hang_up

    def _go_on(self, exchange: Exchange, text: str) -> None:
        anchor = str(exchange.anchor())
        rest = text[text.index(anchor) :]
        say(rest, size=24, gap=self.gap)(exchange)


async def ask(client: Any, number: int, words: int) -> bool:
    """Return whether one stream gave exactly its text."""
    said, reason = [], None
    messages = [{"role": "user", "content": f"Tell me tale {number}"}]
    stream = await client.chat.completions.create(model="one/m", messages=messages, stream=True)
    async for chunk in stream:
        for choice in chunk.choices:
            said.append(choice.delta.content or "")
            reason = choice.finish_reason or reason
    return "".join(said) == tale(number, words) and reason == "stop"


async def ask_all(port: int, streams: int, words: int) -> int:
    """Return how many of the streams were not exact."""
    import httpx
    from openai import AsyncOpenAI

    limits = httpx.Limits(max_connections=streams + 10)
    async with httpx.AsyncClient(limits=limits, timeout=300) as http:
        client = AsyncOpenAI(base_url=f"http://127.0.0.1:{port}/v1", api_key="any", max_retries=0, http_client=http)
        jobs = []
        for number in range(streams):
            jobs.append(asyncio.create_task(ask(client, number, words)))
            await asyncio.sleep(0.004)
        found = await asyncio.gather(*jobs, return_exceptions=True)
    for one in [one for one in found if isinstance(one, BaseException)][:3]:
        print(repr(one)[:300])
    return sum(one is not True for one in found)


def memory(gateway: Gateway) -> float:
    """Return the megabytes that a gateway's processes have to themselves, and their shares of the rest."""
    rolls = []
    for pid in (gateway.process.pid, *gateway.workers()):
        with contextlib.suppress(OSError):  # the one that greets ends soon
            rolls.append(Path(f"/proc/{pid}/smaps_rollup").read_text())
    return sum(int(roll.partition("\nPss:")[2].split()[0]) for roll in rolls) / 1024


def run(streams: int, words: int, gap: float) -> Outcome:
    """Run everything once."""
    resets = Resets(words=words, gap=gap)
    began, most = time.monotonic(), 0.0
    with (
        tempfile.TemporaryDirectory() as name,
        Provider(anchor=asked_anchor, otherwise=resets) as provider,
    ):
        patient = {"first_token": 120.0, "gap": 120.0}
        rows = [table(one, "openai", f"{provider.url}/v1", timeouts=patient, never_rest=True) for one in ("one", "two")]
        provider.headers = {"Connection": "close"}
        with serving(Path(name), provider, config="\n".join(rows)) as gateway:  # type: ignore[arg-type]

            async def watched() -> int:
                nonlocal most
                asking = asyncio.create_task(ask_all(gateway.port, streams, words))
                while not asking.done():
                    most = max(most, memory(gateway))
                    await asyncio.sleep(0.5)
                return await asking

            wrong = asyncio.run(watched())
            provider.wait_until(lambda: not provider.open_connections, 3)
            left = provider.open_connections
    return Outcome(streams, wrong, resets.resets, resets.continued, left, round(most, 1), time.monotonic() - began)


def main() -> int:
    """Run, tell, and return 1 if an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=1000)
    parser.add_argument("--words", type=int, default=40)
    parser.add_argument("--gap", type=float, default=0.5)
    asked = parser.parse_args()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
    found = run(asked.streams, asked.words, asked.gap)
    print(found)
    return 1 if found.wrong or found.open_after else 0


if __name__ == "__main__":
    sys.exit(main())
