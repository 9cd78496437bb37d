"""Prometheus and Alertmanager as this machine has them, or as Debian's packages bring them without an administrator."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import baking

PACKAGES = ("prometheus", "prometheus-alertmanager")


@dataclass(frozen=True)
class Tools:
    """Prometheus, Alertmanager and their own checkers.

    Attributes:
        folder: Where they run.
        paths: Each of them by its name.
    """

    folder: Path
    paths: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.paths[name]


def find(folder: Path) -> Tools | None:
    """Those of this machine, or those that were unpacked into a folder; Debian gives one of them a longer name."""
    places = os.pathsep.join([os.environ["PATH"], str(folder / "usr" / "bin")])
    names = {"prometheus": "", "promtool": "", "amtool": "", "alertmanager": "prometheus-"}
    found = {
        name: shutil.which(name, path=places) or shutil.which(before + name, path=places)
        for name, before in names.items()
    }
    paths = {name: place for name, place in found.items() if place}
    return Tools(folder, paths) if len(paths) == len(names) else None


def unpack(folder: Path) -> None:
    """Debian's packages, as far as they can be had; no right of an administrator is needed."""
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        return
    baking.run("apt-get", "download", *PACKAGES, cwd=folder)
    for package in folder.glob("*.deb"):
        baking.run("dpkg-deb", "--extract", package, folder, cwd=folder)
    manager = folder / "usr" / "bin" / PACKAGES[1]
    if manager.exists():
        # Debian's program looks for its templates at the root; this copy of it looks below the folder where it runs.
        content = manager.read_bytes().replace(b"/usr/share/prometheus/", b"usr//share/prometheus/")
        manager.write_bytes(content)
