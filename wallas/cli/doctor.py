"""Checks an installation and says what to mend."""

import argparse
import math
import os
import platform
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

from wallas.cli.http import address, answers
from wallas.errors import WallasError
from wallas.settings import Settings, check_bind
from wallas.storage.file import HEAD, check_database, is_sqlite
from wallas.storage.library import is_fixed, sqlite_module
from wallas.welcome import ollama_answers


class Finding(NamedTuple):
    """What one check found: `ok`, `note` (works, could be better) or `FAIL`."""

    level: str
    text: str


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Print every finding; return 1 if something must be mended."""
    findings = [finding for check in CHECKS for finding in check(settings)]
    for level, text in findings:
        print(f"{level:4}  {text}")
    return int(any(level == "FAIL" for level, _ in findings))


def python(settings: Settings) -> list[Finding]:
    """Say which interpreter this is; an older one than 3.11 does not come this far."""
    return [Finding("ok", f"Python {platform.python_version()} at {sys.executable}")]


def library(settings: Settings) -> list[Finding]:
    """Check the SQLite library."""
    module = sqlite_module()
    if is_fixed(module):
        return [Finding("ok", f"SQLite {module.sqlite_version}")]
    return [
        Finding("note", f"SQLite {module.sqlite_version} has a race (fixed in 3.51.3): used without write-ahead log")
    ]


def database(settings: Settings) -> list[Finding]:
    """Check that the database opens and has this version's schema."""
    from wallas.storage.migrate import revision

    place = settings.database_url if is_sqlite(settings.database_url) else "PostgreSQL"
    try:
        check_database(settings.database_url, seconds=math.inf)
        at = revision(settings.database_url)
    except WallasError as error:
        return [Finding("FAIL", str(error))]
    if at != HEAD:
        return [Finding("note", f"{place}: schema {at or 'empty'}, {HEAD} is due; the next start brings it")]
    return [Finding("ok", f"{place}: schema {at}")]


def port(settings: Settings) -> list[Finding]:
    """Check that the port is ours or free, and open to no stranger."""
    try:
        check_bind(settings)
    except WallasError as error:
        return [Finding("FAIL", str(error))]
    if answers(settings):
        return [Finding("ok", f"{address(settings)} answers")]
    with socket.socket(socket.AF_INET6 if ":" in settings.host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host.strip("[]"), settings.port))
        except OSError as error:
            return [Finding("FAIL", f"port {settings.port} on {settings.host} cannot be had: {error.strerror}")]
    return [Finding("ok", f"port {settings.port} on {settings.host} is free")]


def keys(settings: Settings) -> list[Finding]:
    """Count the keys; never show one."""
    named = {name: len(found) for name, found in settings.keys.items()}
    named |= {f"[providers.{name}]": len(table.keys) for name, table in settings.providers.items() if table.keys}
    if not named:
        return [Finding("note", f"no provider key: put one into {settings.instance / '.env'}")]
    return [Finding("ok", "keys: " + ", ".join(f"{name} {count}" for name, count in sorted(named.items())))]


def ollama(settings: Settings) -> list[Finding]:
    """Look for a local Ollama."""
    if ollama_answers(settings.ollama_upstream):
        return [Finding("ok", f"Ollama answers at {settings.ollama_upstream}")]
    return [Finding("note", f"no Ollama at {settings.ollama_upstream}: its local models are not offered")]


def files(settings: Settings) -> list[Finding]:
    """Check that the instance folder can be written, and repeat what the settings warn of."""
    found = [Finding("note", warning) for warning in settings.warnings]
    folder = settings.instance
    if folder.exists() and not os.access(folder, os.W_OK):
        found.append(Finding("FAIL", f"{folder} cannot be written"))
    return found


CHECKS: tuple[Callable[[Settings], list[Finding]], ...] = (python, library, database, port, keys, ollama, files)
