"""Providers of Cohere's v2 wire."""

from wallas.providers.http import HttpProvider


class Cohere(HttpProvider):
    """A provider of the Cohere wire; all that is special is in its codec and its row."""
