"""`data`: fetch sources, build and test the SQL, take a snapshot."""

from mlteam.config.pipelines import list_pipelines
from mlteam.config.spec import Spec
from mlteam.core import console
from mlteam.data import loaders, snapshot, sources, warehouse
from mlteam.data.snapshot import Snapshot


def generate_data(spec: Spec) -> Snapshot:
    """Fetch what is missing upstream, build and test the SQL, take a snapshot."""
    for source in sources.load_sources():
        if source.location and not source.location.exists():
            with console.show_progress(f"fetch {source.name}"):
                loaders.fetch_source(source)
        loaders.check_source_file(source)
    # A pipeline beside others builds what it needs: what is wrong with their tables is not its concern.
    _, _, table = spec.data.relation.partition(".")
    with console.show_progress("build and test the SQL") as progress:
        warehouse.build(progress, [f"+{table}"] if len(list_pipelines()) > 1 else [])
    with console.show_progress("take the snapshot"):
        taken = snapshot.take(spec)
    console.print_line(f"snapshot {taken.folder}: {taken.metadata['rows']:,} rows")
    return taken
