"""Tries settings out before any worker starts with them: a worker that cannot start would take the master along.

The table of providers is loaded in a child process, for it would stay in the
master's memory as long as that lives.
"""

import gc
import os
from collections.abc import Callable

from wallas.errors import WallasError
from wallas.settings import Settings, SettingsError


def check_tables(settings: Settings, *, meanwhile: Callable[[], None] = lambda: None) -> None:
    """Raise SettingsError naming what of the providers, models and profiles cannot be served.

    The master does ``meanwhile`` while its child looks: a start waits for the longer of both. What that raises goes on.
    """
    wrong = _in_child(settings, meanwhile)
    if wrong:
        raise SettingsError(wrong)


def _in_child(settings: Settings, meanwhile: Callable[[], None]) -> str:
    """Return what is wrong, "" if nothing is."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        gc.disable()  # it ends before there is garbage worth looking for
        status = 1
        try:
            os.close(reading)
            os.write(writing, _complaint(settings).encode()[:4000])
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        meanwhile()
    finally:
        with os.fdopen(reading, "rb") as pipe:
            said = pipe.read().decode(errors="replace")
        _, status = os.waitpid(child, 0)
    return said or ("the settings could not be tried out" if status else "")


def _complaint(settings: Settings) -> str:
    try:
        _try_out(settings)
    except WallasError as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _try_out(settings: Settings) -> None:
    from wallas.catalog.build import build
    from wallas.providers.registry import provider_terms, providers
    from wallas.routing.strategies import STRATEGIES
    from wallas.transport import Transport

    transport = Transport(cafile=settings.ssl_cert_file, proxy=settings.https_proxy, no_proxy=settings.no_proxy or "")
    usable = providers(settings, transport, keyless=settings.keyless)
    build(providers=settings.providers, terms=provider_terms(settings, usable))
    for name, profile in settings.profiles.items():
        if profile.strategy not in STRATEGIES:
            known = ", ".join(sorted(STRATEGIES))
            raise SettingsError(
                f"wallas.toml: [profiles.{name}] strategy: {profile.strategy[:40]!r} is none of {known}"
            )
