"""Measures what a start costs: `python -m tests.state.start_cost`; quiet machine, best of five."""

import tempfile
import time
from pathlib import Path

from tests.fakes import FakeProvider, say
from tests.state.kit import Gateway, gateway, profile, provider

ROUNDS = 5


def pss(pid: int) -> float:
    """Return the proportional share of memory of a process in MB."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


def memory(running: Gateway) -> tuple[float, float]:
    """Return the memory of the master and of its worker."""
    assert running.process is not None
    (worker,) = running.workers()
    return pss(running.process.pid), pss(worker)


def main() -> None:
    """Measure and print."""
    first, again = [], []
    with FakeProvider(otherwise=lambda request: (say("Hello"),)) as fake:
        config = provider("one", fake.url) + profile("one/m")
        for number in range(ROUNDS):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                began = time.monotonic()
                url = f"sqlite:///{folder / 'wallas.sqlite'}"
                with gateway(folder, url, config, app="wsgi:app", WALLAS_WORKERS="1") as running:
                    first.append(time.monotonic() - began)
                    running.kill()
                    began = time.monotonic()
                    running.start()
                    again.append(time.monotonic() - began)
                    if number == ROUNDS - 1:
                        time.sleep(4)
                        print("at rest: master {:.1f} MB, worker {:.1f} MB".format(*memory(running)))
                        with running.visit() as line:
                            for _ in range(50):
                                line.chat()
                        time.sleep(1)
                        print("after 50 chats: master {:.1f} MB, worker {:.1f} MB".format(*memory(running)))
    print(f"start to ready, new database: best {min(first):.2f} s of {', '.join(f'{one:.2f}' for one in first)}")
    print(f"start to ready, old database: best {min(again):.2f} s of {', '.join(f'{one:.2f}' for one in again)}")


if __name__ == "__main__":
    main()
