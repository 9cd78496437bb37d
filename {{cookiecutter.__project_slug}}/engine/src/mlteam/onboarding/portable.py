"""SQL that several engines run, written with the macros of sql/macros/."""

import re

TEXT = re.compile(r"('(?:[^']|'')*')")
# What DuckDB writes, and the call of the macro that each engine answers in its own words.
REPLACEMENTS = (
    (re.compile(r"as double precision\)"), "as {{ double() }})"),
    (re.compile(r"as varchar\)"), "as {{ text() }})"),
    (re.compile(r"as timestamp\)"), "as {{ datetime() }})"),
    (
        re.compile(r"cast\(cast\((\w+) as date\) - cast\((\w+) as date\) as integer\)"),
        r"{{ days_between('\2', '\1') }}",
    ),
    (re.compile(r"cast\(extract\(dow from (\w+)\) as integer\)"), r"mod({{ iso_weekday('\1') }}, 7)"),
)
# What is hashed, read or tested is between `call` and `endcall`, since it may have calls of its own.
CALLS = (
    (re.compile(r"md5\(concat_ws\(\s*'\|',\n"), "{% call hash_row() %}\n"),
    (re.compile(r"\)\) as row_digest"), "{% endcall %} as row_digest"),
    (re.compile(r"strptime\((.*), ('[^']*')\) as"), r"{% call parse_time(\2) %}\1{% endcall %} as"),
    (re.compile(r"make_timestamp\((.*) \* (\d+)\) as"), r"{% call make_time(\2) %}\1{% endcall %} as"),
    (re.compile(r"when isfinite\((.*)\) then"), r"when {% call is_finite() %}\1{% endcall %} then"),
)
MAX_LINE = 120
QUOTED_NAME = re.compile(r'"((?:[^"]|"")+)"')


def make_portable(text: str) -> str:
    """Return SQL of this engine as every engine of a target runs it; texts and lines with Jinja's marks stay."""
    lines = text.splitlines(keepends=True)
    text = "".join(line if "{%" in line or "{{" in line else _replace(line) for line in lines)
    for pattern, call in CALLS:
        text = pattern.sub(call, text)
    return "\n".join(_exempt(line) for line in text.split("\n"))


def _replace(line: str) -> str:
    parts = TEXT.split(line)
    for place in range(0, len(parts), 2):
        for pattern, call in REPLACEMENTS:
            parts[place] = pattern.sub(call, parts[place])
        parts[place] = QUOTED_NAME.sub(_call_quote, parts[place])
    return "".join(parts)


def _exempt(line: str) -> str:
    """Return a line with the comment that exempts it from the length that sqlfluff allows, if calls made it longer."""
    if len(line) <= MAX_LINE or "LT05" in line:
        return line
    return f"{line},LT05" if "-- noqa: " in line else f"{line}  -- noqa: LT05"


def _call_quote(found: re.Match[str]) -> str:
    name = found[1].replace('""', '"').replace("\\", "\\\\").replace("'", "\\'")
    return f"{{{{ quote('{name}') }}}}"
