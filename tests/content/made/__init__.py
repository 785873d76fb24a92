"""Files made by other programs (``python -m tests.content.made`` makes them anew), and what stands in them."""

from pathlib import Path


def made(name: str) -> bytes:
    """Return one of the files."""
    return (Path(__file__).parent / name).read_bytes()
