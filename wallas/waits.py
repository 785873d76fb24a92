"""Tells which thread must never wait: on our own worker the loop's, in which everybody's streams go on.

Whatever may take long (names, dials, the database, a full socket) asks here
before it begins, and raises ``NotNow`` in that thread: the same is then done
again by a thread that may wait.
"""

import threading

_thread = 0


class NotNow(Exception):
    """What is asked for would have to wait, in a thread that must not."""


def never_here() -> None:
    """Let nothing wait in this thread from now on; there is one such thread in a process."""
    global _thread
    _thread = threading.get_ident()


def barred() -> bool:
    """Return whether this is the thread that must not wait."""
    return threading.get_ident() == _thread


def may_wait() -> None:
    """Raise NotNow in the thread that must not wait."""
    if threading.get_ident() == _thread:
        raise NotNow


def anywhere() -> None:
    """Let every thread wait again."""
    global _thread
    _thread = 0
