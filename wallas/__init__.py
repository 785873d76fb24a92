"""Wallas: one local server that speaks every chat protocol and answers with the best provider available now."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from wallas.settings import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the gateway as a WSGI app; imported when first asked for, so that parts can be used without Flask."""
    from wallas.app import create_app as create

    return create(settings)
