"""Tells which thread must never wait: on our own worker the loop's, in which everybody's streams go on.

Whatever may take long (names, dials, the database, a full socket) asks here
before it begins, and raises ``NotNow`` in that thread: the same is then done
again by a thread that may wait.
"""

import threading


class NotNow(Exception):
    """What is asked for would have to wait, in a thread that must not."""


class _Here(threading.local):
    """What is so in the thread that looks."""

    barred = False
    """Whether this is the thread that must not wait."""


here = _Here()


def never_here() -> None:
    """Let nothing wait in this thread from now on."""
    here.barred = True


def may_wait() -> None:
    """Raise NotNow in the thread that must not wait."""
    if here.barred:
        raise NotNow


def anywhere() -> None:
    """Let this thread wait again."""
    here.barred = False
