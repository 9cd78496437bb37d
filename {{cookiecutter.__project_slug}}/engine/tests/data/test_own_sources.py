"""The loaders of the engine's page, with a server, a folder and a database: real ones, as far as they are here."""

import http.server
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from mlteam.core.errors import ProjectError
from mlteam.data import loaders
from mlteam.data.increments import add_changes, find_watermark
from mlteam.data.sources import Source

VARIABLE = "SHOP_TOKEN"
PAGE = Path(__file__).parents[2] / "README.md"


def read_loader(name: str) -> Callable[[Source], pa.Table]:
    """A function of the page, as a reader would copy it."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if f"def {name}(" in block]
    found: dict[str, Any] = {}
    exec(block, found)  # noqa: S102 - the project's own page
    load: Callable[[Source], pa.Table] = found[name]
    return load


def make_source(origin: str, location: Path | None = None, secret: str = "") -> Source:
    return Source("shop", "orders", "", "ada", origin, location, "", secret=secret)


class Pages(http.server.BaseHTTPRequestHandler):
    """Three rows in two pages, for who knows the token."""

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == "Bearer of-the-shop"
        self.send_response(200 if known else 401)
        self.end_headers()
        url = f"http://{self.headers['Host']}/orders?page=2"
        elsewhere = "http://localhost:9/orders"
        first = {"rows": [{"id": 1}, {"id": 2}], "next": elsewhere if "astray" in self.path else url}
        self.wfile.write(json.dumps({"rows": [{"id": 3}], "next": None} if "page=2" in self.path else first).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def api() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/orders"
    server.shutdown()
    server.server_close()


def test_an_api_is_read_page_by_page(api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "of-the-shop")
    load = read_loader("load_from_api")
    assert load(make_source(api, secret=VARIABLE)).to_pydict() == {"id": [1, 2, 3]}
    with pytest.raises(ValueError, match="another host, which must not see the token"):
        load(make_source(f"{api}/astray", secret=VARIABLE))
    monkeypatch.setenv("SHOP_TOKEN", "of-nobody")
    with pytest.raises(Exception, match="401"):
        load(make_source(api, secret=VARIABLE))


def test_the_files_of_a_bucket_are_one_table(tmp_path: Path) -> None:
    for month in (1, 2):
        pyarrow.parquet.write_table(pa.table({"id": [month]}), tmp_path / f"{month}.parquet")
    table = read_loader("load_from_bucket")(make_source(tmp_path.as_uri()))
    assert sorted(table["id"].to_pylist()) == [1, 2]


def test_a_missing_secret_is_named_before_anything_is_asked(
    project: Path, api: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    source = Source("shop", "orders", "nobody:knows", "ada", api, Path("data/o.parquet"), "", secret=VARIABLE)
    with pytest.raises(ProjectError, match="needs the environment variable SHOP_TOKEN") as refused:
        loaders.fetch_source(source)
    assert "ask its owner (ada)" in str(refused.value.fix)


def test_changes_take_the_place_of_the_rows_that_they_correct(tmp_path: Path) -> None:
    source = make_source("orders", tmp_path / "orders.parquet")
    first = pa.table({"id": [1, 2], "amount": [10.0, 20.0], "updated": [5, 6]})
    assert find_watermark(source, "updated") is None
    assert add_changes(source, first, ["id"]) is first
    pyarrow.parquet.write_table(first.append_column("_loaded_at", pa.array([0, 0])), tmp_path / "orders.parquet")
    assert find_watermark(source, "updated") == 6
    corrected = pa.table({"id": [2, 3], "amount": [21.0, 30.0], "updated": [7, 8]})
    merged = add_changes(source, corrected, ["id"]).sort_by("id")
    assert merged.to_pydict() == {"id": [1, 2, 3], "amount": [10.0, 21.0, 30.0], "updated": [5, 7, 8]}
    assert add_changes(source, first.slice(0, 0), ["id"]).num_rows == 2
