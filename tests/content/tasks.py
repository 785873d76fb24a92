"""Tasks for guarded children: an honest one, and some that misbehave in every way."""

import os
import socket
import subprocess
import time
from pathlib import Path

from wallas.content.guarded import Unreadable


def echo(data, options, tell):
    for number in range(options["times"]):
        tell({"done": number})
    return {"size": len(data)}, [data] * options["times"]


def surroundings(data, options, tell):
    return {"pid": os.getpid(), "environ": dict(os.environ), "cwd": str(Path.cwd())}


def swell(data, options, tell):
    return len(bytearray(1 << 30))


def spin(data, options, tell):
    while True:
        pass


def sleep(data, options, tell):
    started = subprocess.Popen(["sleep", "60"])
    if "file" in options:
        with Path(options["file"]).open("w") as file:
            file.write(str(started.pid))
    time.sleep(60)


def chatter(data, options, tell):
    while True:
        tell({"x": "y" * 10_000})


def fill(data, options, tell):
    with Path("x").open("wb") as file:
        file.write(b"x" * 10_000_000)


def crash(data, options, tell):
    os.abort()


def fault(data, options, tell):
    raise ValueError("/etc/secret")


def nest(data, options, tell):
    return nest(data, options, tell)


def refuse(data, options, tell):
    raise Unreadable("it is odd", code="odd")


def network(data, options, tell):
    try:
        with socket.create_connection(("127.0.0.1", 1), timeout=1):
            return "some"
    except ConnectionRefusedError:
        return "loopback"
    except OSError:
        return "none"
