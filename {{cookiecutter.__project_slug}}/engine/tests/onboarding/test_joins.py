"""Relations as real data has them: rows with columns of further tables, found by their keys."""

import tomllib
from pathlib import Path

import duckdb
import numpy as np
import pytest

from mlteam.commands import evaluate, train
from mlteam.commands.new_pipeline import create_pipeline
from mlteam.commands.remove_pipeline import remove_pipeline
from mlteam.commands.rename_pipeline import rename_pipeline
from mlteam.config import pipelines
from mlteam.core import git
from mlteam.core.errors import ProjectError
from mlteam.data import snapshot, sources, warehouse
from mlteam.onboarding import writer
from mlteam.onboarding.plan import OnboardingRequest
from mlteam.registry import versions

GENRES = ("drama", "comedy", "action")


@pytest.fixture
def ratings(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """600 ratings of 40 films by 30 people, which depend on the genre; the last film is in no table."""
    folder, draw = tmp_path_factory.mktemp("elsewhere"), np.random.default_rng(4)
    films = [f"{n},{GENRES[n % 3]},{1950 + n},{n % 4}" for n in range(39)]
    people = [f"{n},{20 + n % 30}" for n in range(30)]
    prices = [f"{n},{year},{n + year}" for n in range(40) for year in (2001, 2002)]
    liked = ["yes" if draw.random() < (0.8 if n % 40 % 3 == 0 else 0.2) else "no" for n in range(600)]
    rows = [f"{n},{n % 30},{n % 40},{2001 + n // 40 % 2},{liked[n]}" for n in range(600)]
    studios = [f"{n},studio {n}" for n in range(4)]
    for name, header, lines in (
        ("ratings", "rating_id,user_id,film,year,liked", rows),
        ("films", "Film Id,genre,year,studio", films),
        ("people", "id,points", people),
        ("prices", "film,year,price", prices),
        ("studios", "studio,studio_name", studios),
    ):
        (folder / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return folder


def bring(folder: Path, *joins: str, **wish: object) -> None:
    wished = OnboardingRequest("ratings", "liked", join=tuple(f"{folder}/{join}" for join in joins), **wish)  # type: ignore[arg-type]
    create_pipeline(wished, str(folder / "ratings.csv"))


def test_each_row_gets_the_columns_of_its_row_in_each_table(ratings: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bring(ratings, "films.csv:film=Film Id", "people.csv:user_id=id", "prices.csv:film,year", "studios.csv:studio")
    with warehouse.connect() as connection:
        made = connection.sql(
            "select rating_id, genre, films_year, points, price, studio_name from features.ratings_features order by 1"
        ).fetchall()
    files = {name: str(ratings / f"{name}.csv") for name in ("ratings", "films", "people", "prices", "studios")}
    expected = duckdb.execute(f"""
        select rating_id, genre, films.year, points, price, studio_name
        from '{files["ratings"]}' as ratings
        left join '{files["films"]}' as films on film = "Film Id"
        left join '{files["people"]}' as people on user_id = id
        left join '{files["prices"]}' as prices on prices.film = ratings.film and prices.year = ratings.year
        left join '{files["studios"]}' as studios using (studio)
        order by 1""").fetchall()
    assert made == expected
    printed = capsys.readouterr().out
    assert "films by film" in printed
    assert "585 of 600 rows have one" in printed
    assert "finds the row of films" in printed
    tests = {path.stem: path.read_text() for path in Path("sql/models/staging").glob("*.yml")}
    assert tests["stg_ratings__films"].count("unique") == 1
    assert "arguments: {columns: [film, year_]}" in tests["stg_ratings__prices"]
    assert not [source for source in sources.load_sources() if Path(source.origin).is_absolute()]
    spec = pipelines.load_spec("ratings")
    assert "film" not in spec.features.names
    train.train_version(spec, snapshot.load_newest("ratings"))
    found = evaluate.evaluate_version(spec, versions.open_version(spec))
    assert found.exists()


def test_a_pipeline_without_a_key_counts_rows_that_are_alike_in_its_own_columns(ratings: Path) -> None:
    lines = (ratings / "ratings.csv").read_text().splitlines()
    (ratings / "ratings.csv").write_text("\n".join(line.partition(",")[2] for line in lines) + "\n")
    bring(ratings, "films.csv:film=Film Id", keep=("film",))
    with warehouse.connect() as connection:
        ((rows, keys),) = connection.sql(
            "select count(*), count(distinct row_key) from features.ratings_features"
        ).fetchall()
    assert rows == keys == 600
    assert "film" in pipelines.load_spec("ratings").features.names


@pytest.mark.parametrize(
    ("joins", "wish", "message"),
    [
        (("films.csv",), {}, "does not name a file and a column"),
        (("films.csv:",), {}, "does not name a file and a column"),
        (("gone.csv:film",), {}, "no such file"),
        (("films.csv:film",), {}, "films.csv:film: the table has no column 'film'"),
        (("films.csv:movie=Film Id",), {}, "films.csv:movie=Film Id: the table has no column 'movie'"),
        (("films.csv:film=genre",), {}, "'film' is integer in the rows, and 'genre' is text in the file"),
        (("films.csv:film=studio",), {}, "studio is missing or repeated in 35 of 39 rows of the file"),
        (("prices.csv:film",), {}, "film is missing or repeated in 40 of 80 rows of the file"),
        (("films.csv:film=year",), {}, "no row has its year in"),
        (("films.csv:film=Film Id", "films.csv:film=Film Id"), {}, "two tables are called films"),
        (("ratings.csv:film",), {}, "two tables are called ratings"),
        (("films.csv:film=Film Id",), {"key": ("genre",)}, "--key: 'genre' is a column of films, which is joined"),
    ],
)
def test_a_join_that_cannot_be_is_rejected_and_leaves_nothing(
    ratings: Path, shop: Path, joins: tuple[str, ...], wish: dict[str, object], message: str
) -> None:
    before = sorted(path for path in shop.rglob("*") if "dbt" not in path.parts)
    with pytest.raises(ProjectError, match=message):
        bring(ratings, *joins, **wish)
    left = {path for path in shop.rglob("*") if "dbt" not in path.parts} - set(before)
    assert not [path for path in left if path.is_file()]


def test_a_label_of_a_joined_table_is_rejected(ratings: Path) -> None:
    wish = OnboardingRequest("prices", "liked", join=(f"{ratings}/ratings.csv:film",))
    (ratings / "ratings.csv").write_text("film,liked\n" + "".join(f"{n},{n % 2}\n" for n in range(40)))
    with pytest.raises(ProjectError, match="--label: 'liked' is a column of ratings, which is joined"):
        create_pipeline(wish, str(ratings / "prices.csv"))


def test_joined_tables_are_renamed_and_removed_with_their_pipeline(
    ratings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(ratings, "films.csv:film=Film Id")
    monkeypatch.setattr(git, "reject_uncommitted", lambda _: None)
    everything = [path for path in Path().rglob("*") if path.is_file() and "data" not in path.parts]
    monkeypatch.setattr(git, "list_files", lambda: everything)
    rename_pipeline("ratings", "reviews")
    assert Path("sql/models/staging/stg_reviews__films.sql").exists()
    assert "ref('stg_reviews__films')" in Path("sql/models/features/reviews_features.sql").read_text()
    assert tomllib.loads(Path("pipelines/reviews.toml").read_text())["data"]["relation"] == "features.reviews_features"
    remove_pipeline("reviews")
    assert not list(Path("sql/models").rglob("*reviews*"))
    assert not any(path.exists() for path in writer.list_new_files("reviews"))
