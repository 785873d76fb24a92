"""Files made by other programs (``python -m tests.content.made`` makes them anew).

``mail.msg`` was written once by the package ``aspose-email-foss`` 26.3: a message that holds a table, a picture and
another message.
"""

from pathlib import Path


def made(name: str) -> bytes:
    """Return one of the files."""
    return (Path(__file__).parent / name).read_bytes()
