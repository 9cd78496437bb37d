"""Templates of files that a team owns: SQL, YAML, TOML and Python."""

import jinja2


def create_environment(package: str) -> jinja2.Environment:
    """Return an environment for the templates beside a package, whose marks are `<<` and `<%`.

    What is written holds marks of dbt or of workflows, which stay. Every value is quoted in its place by the template.
    """
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 no page is written
    )
