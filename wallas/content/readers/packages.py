"""Opens what is a zip inside: members counted and measured before they are unpacked, XML without entities."""

import io
import posixpath
import zipfile
from collections.abc import Iterator
from xml.etree import ElementTree

from wallas.content.guarded import MEGABYTE, Unreadable

MEMBERS = 20_000
MEMBER_BYTES = 192 * MEGABYTE
WHOLE_BYTES = 512 * MEGABYTE
RATIO = 400
"""A bomb's member grows a thousandfold; a sheet of zeros some two hundred."""
DECLARED = ("<!DOCTYPE", "<!ENTITY", "<!doctype")


class Package:
    """A zip whose members are read by name, within limits."""

    def __init__(self, data: bytes) -> None:
        """Open it; raise Unreadable for a damaged, locked or exploding one."""
        try:
            self.zip = zipfile.ZipFile(io.BytesIO(data))
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise Unreadable("it is damaged: its list of parts cannot be read", code="broken") from error
        infos = self.zip.infolist()
        if len(infos) > MEMBERS:
            raise Unreadable(f"it has {len(infos)} parts, at most {MEMBERS} are taken", code="too_large")
        self.infos = {info.filename: info for info in infos}
        self.unpacked = 0

    def __contains__(self, name: str) -> bool:
        """Return whether there is such a member."""
        return name in self.infos

    def names(self, beginning: str = "", end: str = "") -> list[str]:
        """Return the members' names that begin and end so."""
        return [name for name in self.infos if name.startswith(beginning) and name.endswith(end)]

    def bytes(self, name: str) -> bytes:
        """Return a member's bytes; raise Unreadable for one that is missing, locked, damaged or a bomb."""
        info = self.infos.get(name)
        if info is None:
            raise Unreadable(f"it is damaged: {name[:100]} is missing", code="broken")
        if info.flag_bits & 1:
            raise Unreadable("it is protected by a password", code="locked")
        growth = info.file_size / max(info.compress_size, 1)
        if info.file_size > MEMBER_BYTES or (growth > RATIO and info.file_size > MEGABYTE):
            raise Unreadable(f"it is a bomb: {name[:100]} grows {growth:.0f}-fold", code="too_large")
        self.unpacked += info.file_size
        if self.unpacked > WHOLE_BYTES:
            raise Unreadable("it grows to more than 512 MB", code="too_large")
        try:
            with self.zip.open(info) as member:
                data = member.read(info.file_size + 1)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            raise Unreadable(f"it is damaged: {name[:100]} cannot be unpacked", code="broken") from error
        if len(data) > info.file_size:
            raise Unreadable(f"it lies about the size of {name[:100]}", code="too_large")
        return data

    def refuse_locked(self) -> None:
        """Raise Unreadable for an OpenDocument file whose parts are encrypted."""
        if "META-INF/manifest.xml" in self.infos and b"encryption-data" in self.bytes("META-INF/manifest.xml"):
            raise Unreadable("it is protected by a password", code="locked")

    def xml(self, name: str) -> ElementTree.Element:
        """Return a member as XML; raise Unreadable for broken XML and for any that declares entities."""
        return parsed(self.bytes(name), name)

    def relations(self, name: str) -> dict[str, str]:
        """Return what a part of an OOXML package refers to: paths in the package, or addresses, by their ids."""
        folder, _, file = name.rpartition("/")
        own = f"{folder}/_rels/{file}.rels".lstrip("/")
        if own not in self.infos:
            return {}
        found = {}
        for row in self.xml(own):
            target = row.get("Target", "")
            if row.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")
            found[row.get("Id", "")] = target
        return found


def parsed(data: bytes, name: str = "its XML") -> ElementTree.Element:
    """Return XML's root; raise Unreadable for broken XML and for any with a document type, which may hold entities."""
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        if any(word.encode(encoding) in data for word in DECLARED):
            raise Unreadable(f"{name[:100]} declares a document type of its own", code="unsafe")
    try:
        return ElementTree.fromstring(data)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise Unreadable(f"it is damaged: {name[:100]} is no XML", code="broken") from error


def local(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]


def each(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Yield all elements below with this local name, in their order."""
    return (element for element in root.iter() if local(element.tag) == name)


def child(root: ElementTree.Element | None, *path: str) -> ElementTree.Element | None:
    """Return the first element at a path of local names, None where there is none."""
    for name in path:
        root = next((element for element in root if local(element.tag) == name), None) if root is not None else None
    return root


def attribute(element: ElementTree.Element | None, name: str) -> str | None:
    """Return an attribute by its local name."""
    if element is None:
        return None
    return next((value for key, value in element.attrib.items() if local(key) == name), None)
