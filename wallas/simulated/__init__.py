"""Providers that follow a script, over real sockets: for the tests, and for ``wallas demo``.

They speak every provider wire and every way of failing. Nothing of the gateway
is used, so that what they say checks our codecs and not itself.
"""

from wallas.simulated.fleet import Fleet
from wallas.simulated.script import Request, Step
from wallas.simulated.server import Provider

__all__ = ["Fleet", "Provider", "Request", "Step"]
