"""Installs Wallas as a systemd service: the system's for root, the user's own otherwise."""

import argparse
import os
import pwd
import sys
from pathlib import Path

from wallas.settings import ROOT, Settings

TEMPLATE = ROOT / "deploy" / "wallas.service"


def install(settings: Settings, options: argparse.Namespace) -> int:
    """Write the unit for this checkout and say what to type next."""
    as_root = os.geteuid() == 0
    text = unit(as_root=as_root)
    if options.show:
        print(text, end="")
        return 0
    folder = Path("/etc/systemd/system") if as_root else Path.home() / ".config/systemd/user"
    path = folder / "wallas.service"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        print(f"wallas: {path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    systemctl = "systemctl" if as_root else "systemctl --user"
    print(f"Wrote {path}. Now: {systemctl} daemon-reload && {systemctl} enable --now wallas")
    return 0


def unit(*, as_root: bool) -> str:
    """Return `deploy/wallas.service` with this checkout's folder, interpreter and owner.

    A user's own service manager cannot change the user, and has no
    privileges to take away; those lines are left out there.
    """
    text = (
        TEMPLATE.read_text().replace("/opt/wallas/.venv/bin/python", sys.executable).replace("/opt/wallas", str(ROOT))
    )
    if as_root:
        owner = pwd.getpwuid(ROOT.stat().st_uid).pw_name
        return text.replace("User=wallas", f"User={owner}")
    lines = [line for line in text.splitlines() if not line.startswith(SYSTEM_ONLY)]
    return "\n".join(lines).replace("WantedBy=multi-user.target", "WantedBy=default.target") + "\n"


SYSTEM_ONLY = (
    "User=",
    "ProtectKernel",
    "ProtectControlGroups",
    "ProtectClock",
    "ProtectHostname",
    "PrivateDevices",
    "CapabilityBoundingSet",
)
