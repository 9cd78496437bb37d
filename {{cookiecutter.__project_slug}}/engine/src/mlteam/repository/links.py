"""Lists the links of the pages with what they lead to."""

import os
import posixpath
import re
from urllib.parse import unquote

from mlteam.repository.page import Span
from mlteam.repository.project import Project

REMOTE = re.compile(r"[a-z][a-z0-9+.-]*:|//", re.IGNORECASE)


def list_links(project: Project) -> list[tuple[str, Span, str | None, str]]:
    """Return each link of a page with its path from the root, None if that is outside, and its fragment."""
    found: list[tuple[str, Span, str | None, str]] = []
    for path, page in project.pages.items():
        folder = posixpath.dirname(path)
        for link in page.links:
            if REMOTE.match(link.text):
                continue
            target, _, anchor = link.text.partition("#")
            target = unquote(target.partition("?")[0])
            joined = target.lstrip("/") if target.startswith("/") else posixpath.join(folder, target)
            resolved = os.path.normpath(joined).replace("\\", "/") if target else path
            found.append((path, link, None if resolved.startswith("..") else resolved, unquote(anchor)))
    return found
