"""One process that calls as often as one window lets it; run as a program: URL, folder, file of calls, seconds."""

import os
import sys
import time
from pathlib import Path

from tests.quota.kit import FakeKey, model
from wallas.quota.authority import DatabaseAuthority, worker_name
from wallas.quota.ledger import Ledger, Reservation
from wallas.quota.spool import Spool
from wallas.sharing_quota import QuotaSharing
from wallas.storage.engine import open_database


def main(url: str, folder: str, calls: str, seconds: str) -> None:
    """Call until the time is over; each call is one byte in a file that all processes append to."""
    worker = worker_name()
    spool = Spool(Path(folder), worker)
    engine = open_database(url)
    ledger = Ledger(DatabaseAuthority(engine, worker=worker, spool=spool), spool=spool)
    sharing = QuotaSharing(ledger, seconds=lambda: 0.05)
    seat = ledger.seat(model(rpd=100, reset="utc", rpm=1000), FakeKey())
    file = os.open(calls, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    until = time.monotonic() + float(seconds)
    print("ready", flush=True)
    while time.monotonic() < until:
        if isinstance(ledger.reserve(seat), Reservation):
            os.write(file, b".")
            time.sleep(0.002)
        else:
            time.sleep(0.01)
    sharing.close()
    engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
