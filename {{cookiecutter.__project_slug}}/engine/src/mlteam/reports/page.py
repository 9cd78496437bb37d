"""HTML pages: whole or not there, in one file, with no script and nothing loaded from elsewhere."""

import hashlib
import re
from pathlib import Path
from typing import Any

import jinja2

from mlteam.core.files import write_atomically
from mlteam.core.paths import REPORTS

MAX_PART_LENGTH = 80
HASH_DIGITS = 8


def write_page(target: Path, template: str, **shown: Any) -> Path:
    """Fill a template of pages/; every text is escaped that the template does not call safe.

    Args:
        target: The HTML file.
        template: Its name without `.html.jinja`.
        shown: What the template speaks of.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader(__package__ or "", "templates"), autoescape=True)
    text = environment.get_template(f"{template}.html.jinja").render(**shown)
    with write_atomically(target) as part:
        # A lone half of a surrogate pair, which no encoding can hold, is shown as a question mark.
        part.write_text(text, encoding="utf-8", errors="replace")
    return target


def choose_page_path(*parts: object) -> Path:
    """Return the page called PART-PART.html among the reports.

    What does not belong in a file name becomes `_`; a short hash then keeps parts apart that would look the same.
    """
    return REPORTS / ("-".join(clean_file_name(str(part)) for part in parts) + ".html")


def clean_file_name(text: str) -> str:
    """Turn a text into a part of a file name; texts that differ in more than dots give different names."""
    cleaned = re.sub(r"[^\w-]+", "_", text)[:MAX_PART_LENGTH]
    if cleaned == text.replace(".", "_"):
        return cleaned
    return f"{cleaned}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:HASH_DIGITS]}"
