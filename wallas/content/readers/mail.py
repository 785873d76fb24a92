"""E-mail (eml, msg): the header lines that people read, the words, and what is attached."""

import datetime
import email
import email.policy
import struct
from email.message import EmailMessage
from typing import Any

from wallas.content.guarded import Tell, Unreadable
from wallas.content.readers.attached import Attached
from wallas.content.readers.charset import decoded
from wallas.content.readers.html import markdown_of
from wallas.content.readers.markdown import reading

SHOWN = ("From", "To", "Cc", "Date", "Subject")
DEPTH = 5


def read(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return a message as Markdown."""
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    warnings: list[str] = []
    attached = Attached(warnings, tell, int(options.get("depth", 0)))
    return reading(_written(message, attached, 0), converter="eml", warnings=warnings)


def _written(message: EmailMessage, attachments: Attached, depth: int) -> str:
    """Return a message: its head, its words, its attachments' names, and the words of those that are documents."""
    lines = [f"**{name}:** {' '.join(str(message[name]).split())}" for name in SHOWN if message[name]]
    text = _body(message, attachments.warnings)
    attached = []
    inside = []
    for part in message.iter_attachments() if message.is_multipart() else ():
        name = part.get_filename() or part.get_content_type()
        attached.append(f"- {' '.join(name.split())} ({part.get_content_type()})")
        if part.get_content_type() == "message/rfc822" and depth < DEPTH:
            inner = part.get_payload(0) if part.is_multipart() else None
            if isinstance(inner, EmailMessage):
                inside.append("---\n\n" + _written(inner, attachments, depth + 1))
        else:
            data = part.get_payload(decode=True)
            inside.append(attachments.text(name, data if isinstance(data, bytes) else b"", part.get_content_type()))
    files = ["Attachments:", *attached] if attached else []
    return "\n\n".join(["  \n".join(lines), text, "\n".join(files), *inside])


def _body(message: EmailMessage, warnings: list[str]) -> str:
    part = message.get_body(("plain", "html"))
    if part is None:
        return ""
    data = part.get_payload(decode=True)
    text = decoded(data if isinstance(data, bytes) else b"", said=part.get_content_charset())[0]
    if part.get_content_subtype() != "html":
        return text
    page = markdown_of(text)
    warnings += page.lost
    return page.text


PROPERTIES = {"Subject": "0037", "From": "0C1A", "Address": "0C1F", "To": "0E04", "Cc": "0E03", "Body": "1000"}
"""Of Outlook's messages: MAPI property numbers, in the names of streams."""
FILE_NAMES = ("3707", "3704")
FILE_DATA = "__substg1.0_37010102"
MESSAGE = "__substg1.0_3701000D"
DATES = (0x00390040, 0x0E060040)
"""When it was sent, when it came: tags of properties, in 100 ns since 1601."""
STREAM = 2
"""Of ``olefile.get_type``."""


def read_msg(data: bytes, options: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Return an Outlook message as Markdown."""
    import olefile

    try:
        file = olefile.OleFileIO(data)
    except (OSError, ValueError) as error:
        raise Unreadable("it is damaged: Outlook's file cannot be opened", code="broken") from error
    warnings: list[str] = []
    attached = Attached(warnings, tell, int(options.get("depth", 0)))
    return reading(_outlook(file, "", attached, 0), converter="msg", warnings=warnings)


def _outlook(file: Any, inside: str, attachments: Attached, depth: int) -> str:
    """Return the message that lies in a folder of Outlook's file: like ``_written``."""
    said = {name: _property(file, inside, number) for name, number in PROPERTIES.items()}
    if said["Address"] and said["Address"] not in said["From"]:
        said["From"] = f"{said['From']} <{said['Address']}>".strip()
    said["Date"] = _date(file, inside)
    lines = [f"**{name}:** {said[name]}" for name in SHOWN if said[name]]
    text, html = said["Body"], f"{inside}__substg1.0_10130102"
    if not text and file.exists(html):
        page = markdown_of(decoded(file.openstream(html).read(), html=True)[0])
        text = page.text
        attachments.warnings += page.lost
    names, parts = [], []
    deep = inside.count("/")
    for folder in dict.fromkeys("/".join(path[: deep + 1]) for path in file.listdir()):
        if not folder.startswith(f"{inside}__attach"):
            continue
        name = next((n for number in FILE_NAMES if (n := _property(file, f"{folder}/", number))), folder)
        names.append(f"- {name}")
        message = f"{folder}/{MESSAGE}/"
        if depth < DEPTH and file.exists(f"{message}__properties_version1.0"):
            parts.append("---\n\n" + _outlook(file, message, attachments, depth + 1))
        else:
            parts.append(attachments.text(name, _content(file, folder)))
    files = ["Attachments:", *names] if names else []
    return "\n\n".join(["  \n".join(lines), text, "\n".join(files), *parts])


def _date(file: Any, inside: str) -> str:
    """Return when a message was sent, "" where it does not say."""
    name = f"{inside}__properties_version1.0"
    if not file.exists(name):
        return ""
    rows = file.openstream(name).read()[24 if inside else 32 :]
    times = {tag: value for tag, _, value in struct.iter_unpack("<IIQ", rows[: len(rows) // 16 * 16])}
    found = next((times[tag] for tag in DATES if times.get(tag)), 0)
    if not found:
        return ""
    try:
        moment = datetime.datetime(1601, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(microseconds=found // 10)
    except OverflowError:
        return ""
    return moment.strftime("%Y-%m-%d %H:%M UTC")


def _content(file: Any, folder: str) -> bytes:
    """Return an attachment's bytes; none of a message in a message, which is kept as a folder."""
    name = f"{folder}/{FILE_DATA}"
    is_stream = file.exists(name) and file.get_type(name) == STREAM
    return bytes(file.openstream(name).read()) if is_stream else b""


def _property(file: Any, folder: str, number: str) -> str:
    for kind, charset in (("001F", "utf-16-le"), ("001E", "cp1252")):
        name = f"{folder}__substg1.0_{number}{kind}"
        if file.exists(name):
            text: str = file.openstream(name).read().decode(charset, "replace")
            return text.rstrip("\0")
    return ""
