"""A pipeline of the repository with its snapshots, versions and evaluations."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from mlteam.analysis import prediction
from mlteam.config import pipelines
from mlteam.config.spec import Spec
from mlteam.core import paths
from mlteam.core.errors import NotCreatedError, ProjectError
from mlteam.data import datasets, file_rows, snapshot, windows
from mlteam.data.snapshot import Snapshot
from mlteam.registry import evaluations, versions
from mlteam.registry.tracking import convert_mlflow_error
from mlteam.registry.versions import RegisteredVersion


def open_project(pipeline: str | None = None, *, start: str | Path | None = None) -> "Project":
    """Open a pipeline of the repository around a folder; `mlteam.open` is this function.

    Args:
        pipeline: Its name; None where the repository has only one.
        start: A file or folder in the repository, such as `__file__`; None for the working directory.

    Raises:
        NotCreatedError: The repository has no pipeline.
        ProjectError: There is no repository, no such pipeline, or several of them; names them.
    """
    root = _find_root(start)
    with _work_in(root):
        return Project(root, pipelines.load_spec(pipeline))


def list_pipelines(*, start: str | Path | None = None) -> list[str]:
    """List the pipelines of the repository around a folder, in alphabetical order; `start` as in `open_project`."""
    with _work_in(_find_root(start)):
        return pipelines.list_pipelines()


class Project:
    """One pipeline with what its commands have created.

    Attributes:
        root: The repository, an absolute path.
        spec: The content of the pipeline file.
    """

    def __init__(self, root: Path, spec: Spec) -> None:
        self.root, self.spec = root, spec

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.spec.name

    @property
    def reports(self) -> Path:
        """The folder of pages and tables that commands write, an absolute path."""
        return self.root / paths.REPORTS

    def snapshot(self, digest: str | None = None) -> "ProjectSnapshot":
        """Open the newest snapshot, or the one with a digest or the first 12 digits of it.

        Raises:
            NotCreatedError: There is no snapshot yet.
            ProjectError: The snapshot is missing or has changed since it was written.
        """
        with _work_in(self.root):
            taken = snapshot.load(self.name, digest) if digest else snapshot.load_newest(self.name)
        return ProjectSnapshot(self, taken)

    def version(self, which: str | int = "champion") -> "ProjectVersion":
        """Open a registered version by its number or alias.

        Raises:
            ProjectError: There is no such version, or its files have changed since they were registered.
        """
        with _work_in(self.root):
            return ProjectVersion(self, versions.open_version(self.spec, str(which)))

    def evaluation(self, which: str | int | None = None) -> pa.Table:
        """Read every recorded evaluation of all versions, or of one by its number or alias.

        Returns:
            One row for each metric, the oldest first: when (UTC), version, dataset, metric, value, low and high (the
            95 % interval), snapshot (first 12 digits).

        Raises:
            NotCreatedError: Nothing has been evaluated yet.
            ProjectError: There is no such version.
        """
        with _work_in(self.root):
            rows = evaluations.list_evaluations(self.spec)
            if which is not None:
                number = versions.open_version(self.spec, str(which)).number
                rows = [row for row in rows if row["version"] == number]
        if not rows:
            raise NotCreatedError(f"{self.name} has no evaluation yet", fix="run `nox -s evaluate`")
        return pa.Table.from_pylist(rows)


class ProjectSnapshot:
    """The rows that models are trained and evaluated on; they never change.

    Attributes:
        digest: SHA-256 of the content, in hexadecimal.
        files: The absolute paths of its Parquet files, as DuckDB, pandas and Polars take them.
        metadata: Provenance, sources and a profile of each column.
    """

    def __init__(self, project: Project, taken: Snapshot) -> None:
        self._project, self._taken = project, taken
        self.digest, self.metadata = taken.digest, taken.metadata
        self.files = [str(project.root / path) for path in taken.hashes]

    def rows(self, dataset: str | None = None, where: str | None = None) -> pa.Table:
        """Read the rows, ordered by time and key.

        Args:
            dataset: A split or a dataset of the pipeline file; None for all rows.
            where: SQL over the columns that selects some of the rows; needs a dataset.

        Raises:
            ProjectError: There is no such dataset, or no row is left.
        """
        if dataset is None and where is not None:
            raise ProjectError("where needs a dataset", fix="name one, or query .files with DuckDB")
        if dataset is None:
            return pa.parquet.read_table(self.files)
        with _work_in(self._project.root):
            spec = windows.fix_windows(self._project.spec, self._taken)
            return datasets.read_snapshot_rows(self._taken, spec, dataset, where)


class ProjectVersion:
    """A registered model.

    Attributes:
        number: Counted from 1 within the pipeline.
        snapshot: Digest of the snapshot that it was trained on.
        spec: The pipeline file that it was trained by.
    """

    def __init__(self, project: Project, version: RegisteredVersion) -> None:
        self._project, self._version = project, version
        self.number, self.snapshot, self.spec = version.number, version.snapshot, version.spec

    @property
    def features(self) -> list[str]:
        """The columns that the model needs."""
        return list(self._version.schema.names)

    def predict(self, table: Any) -> pa.Table:
        """Predict rows.

        Args:
            table: An Arrow table, a dictionary of columns, or a data frame of pandas or Polars. It has a column for
                each feature.

        Returns:
            The rows with a column for each prediction and the number of the version.

        Raises:
            ProjectError: A feature has no column, or holds values that the model cannot take.
        """
        try:
            rows = pa.table(table)
        except (TypeError, ValueError) as error:
            raise ProjectError(f"not a table: {error}", fix="give an Arrow table or a data frame") from error
        with _work_in(self._project.root):
            own = self._version
            typed = file_rows.convert_features(own.schema, rows, "table")
            return prediction.append_predictions(own.schema, own.model, own.number, typed)


def _find_root(start: str | Path | None) -> Path:
    return paths.find_root(Path(start).resolve() if start is not None else Path.cwd())


@contextmanager
def _work_in(root: Path) -> Iterator[None]:
    """Let relative paths start at the repository's root; what MLflow could not do is a ProjectError."""
    with contextlib.chdir(root):
        try:
            yield
        except Exception as error:
            known = None if isinstance(error, ProjectError) else convert_mlflow_error(error)
            if known is None:
                raise
            raise known from error
