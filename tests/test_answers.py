"""Any text survives unchanged, or is rejected in one line with a suggestion."""

import ast
import json
import os
import re
import tomllib
from pathlib import Path

import baking
import pytest
import yaml
from cookiecutter.exceptions import FailedHookException
from cookiecutter.prompt import render_variable
from cookiecutter.utils import create_env_with_context
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

PLAIN = {
    "project_name": "Zebra Crossing",
    "description": "Zebra description",
    "author_name": "Zebra author",
    "team_channel": "Zebra channel",
}
AWKWARD = {
    "quotes": 'Robert "Bob" O\'Brien',
    "backslashes": r"a\b \n \u0041 C:\new\table",
    "comment and mapping": "# x: {y} [z] - & * ! | > % @",
    "emoji and scripts": "Zoë 日本語 🦓 👩‍💻 🇳🇱",
    "markup": "<b>x</b> *y* _z_ `code` [a](b) ![i](j) &amp; ~~s~~ | t",
    "code in quotes": '"; import os; os.system("touch ran"); y = "',
    "code in braces": "'; __import__('os').system('touch ran') #",
    "shell": "$(touch ran) `touch ran` ; touch ran && touch ran",
    "boolean": "yes",
    "nothing": "null",
    "number": "1.0",
    "date": "2026-01-01",
    "list item": "- item",
    "ordered item": "1. item",
    "heading": "# heading #",
    "handle": "@ada",
    "yaml tag": "!!python/object/apply:os.system ['touch ran']",
    "toml end": '"""\n[tool]'.replace("\n", " "),
    "xml": "]]><!--",
}
PATHS = ["../../x", "/abs/x", "..", ".", "~", "~/x", "C:\\x", "a/b", ".git", "-rf", "--help", "...", "./"]
TAKEN = [
    "class",
    "JSON",
    "2024 sales",
    "CON",
    "lpt1",
    "tests",
    "sql",
    "mlflow",
    "git",
    "scikit-learn",
    "xgboost cpu",
    "dbt",
]
EMPTY = ["", "   ", "\u3000", "🦓", "---", "!!!", "invalid project name"]
BROKEN = ["a\nb", "a\x00b", "a\x1b[31mb", "a\u2028b", "a\u202eb", "a\ud800b", "a\x7fb", "x" * 300]


def quoted(text: str) -> str:
    """What the templates write for a text, inside a literal."""
    env = create_env_with_context({"cookiecutter": {}})
    rendered = render_variable(env, baking.QUESTIONS["__quoted"]["description"], {"description": text})
    return str(rendered)


def shown(text: str) -> str:
    """The text that a reader of rendered Markdown sees."""
    env = create_env_with_context({"cookiecutter": {}})
    rendered = render_variable(env, baking.QUESTIONS["__markdown"]["description"], {"description": text})
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(rendered)
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"]), rendered
    return "".join(child.content or "\n" for token in tokens for child in token.children or ())


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs", "Zl", "Zp"])))
def test_a_quoted_text_is_the_same_text_in_every_language(text: str) -> None:
    expected = re.sub("[\ud800-\udfff]", "\ufffd", text)
    literal = quoted(text)
    assert json.loads(literal) == expected
    assert ast.literal_eval(literal) == expected
    assert tomllib.loads(f"x = {literal}")["x"] == expected
    assert yaml.safe_load(f"x: {literal}")["x"] == expected


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S", "Zs"])) | st.text())
def test_a_text_in_markdown_is_one_paragraph_of_that_text(text: str) -> None:
    spaced = "".join(" " if c.isspace() else c for c in text.strip())
    expected = "".join(c if c.isprintable() or c == "\u200d" else "\ufffd" for c in spaced)
    assert shown(text) == expected


def test_all_texts_are_escaped_by_the_same_rule() -> None:
    assert list(baking.QUESTIONS["__quoted"]) == list(baking.TEXTS)
    for rules in (baking.QUESTIONS["__quoted"], baking.QUESTIONS["__markdown"]):
        assert len({rule.replace(f"cookiecutter.{name}", "") for name, rule in rules.items()}) == 1


def test_no_template_file_uses_an_answer_unescaped(template: Path) -> None:
    raw = re.compile(r"cookiecutter\.(" + "|".join(baking.TEXTS) + r")\b")
    for path in baking.files(template / "{{cookiecutter.__project_slug}}"):
        assert not raw.search(path.read_text(encoding="utf-8")), path


@pytest.fixture(scope="module")
def plain(bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("plain"), **PLAIN)


@pytest.mark.parametrize("text", AWKWARD.values(), ids=AWKWARD)
def test_an_awkward_text_comes_out_of_every_file_as_it_went_in(
    plain: Path, bake: baking.Bake, tmp_path: Path, text: str
) -> None:
    answers = {name: text for name in PLAIN if name != "project_name"}
    project = bake(tmp_path, project_name=PLAIN["project_name"], **answers)
    assert [path.name for path in tmp_path.iterdir()] == ["zebra-crossing"]
    assert list(baking.tree(project)) == list(baking.tree(plain))
    for path in baking.files(plain):
        name = path.relative_to(plain)
        expected = {where: as_answered(found, answers) for where, found in baking.strings(path).items()}
        assert baking.strings(project / name) == {as_answered(k, answers): v for k, v in expected.items()}, name


def as_answered(found: str, answers: dict[str, str]) -> str:
    for name, text in answers.items():
        found = found.replace(PLAIN[name], text)
    return found


def test_an_awkward_project_name_comes_out_of_every_file_as_it_went_in(
    plain: Path, bake: baking.Bake, tmp_path: Path
) -> None:
    name = 'Zebra "Crossing" #🦓 `*<&>'
    project = bake(tmp_path, **{**PLAIN, "project_name": name})
    assert project.name == "zebra-crossing"
    for path in baking.files(plain):
        expected = {where: found.replace(PLAIN["project_name"], name) for where, found in baking.strings(path).items()}
        assert baking.strings(project / path.relative_to(plain)) == expected, path.name


def refusals(answers: dict[str, str], bake: baking.Bake, output: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """What the generation says about answers that it refuses."""
    with pytest.raises(FailedHookException):
        bake(output, **answers)
    return [line for line in capfd.readouterr().err.splitlines() if line.startswith("ERROR")]


@pytest.mark.parametrize("name", PATHS + TAKEN + EMPTY + BROKEN, ids=ascii)
def test_a_bad_project_name_is_refused_with_one_that_is_accepted(
    bake: baking.Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    output = tmp_path / "a" / "b"
    (refusal,) = refusals({"project_name": name}, bake, output, capfd)
    said = re.fullmatch(r"ERROR: project_name .+; try (['\"].+['\"])", refusal)
    assert said
    assert list(output.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert bake(output, project_name=ast.literal_eval(said[1])).parent == output


@pytest.mark.parametrize("name", PATHS + TAKEN + EMPTY + BROKEN, ids=ascii)
def test_with_hooks_off_a_bad_project_name_stays_inside_the_folder(
    bake: baking.Bake, tmp_path: Path, name: str
) -> None:
    output = tmp_path / "a" / "b"
    project = bake(output, hooks=False, project_name=name, description=name, author_name=name, team_channel=name)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", project.name)
    assert len(project.name) <= 60
    assert [path.name for path in output.iterdir()] == [project.name]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    for path in baking.files(project):
        # Nothing is rejected here, so the package may have a name that Python cannot import.
        assert path.suffix == ".py" or baking.strings(path) is not None


@pytest.mark.parametrize("question", [name for name in baking.TEXTS if name != "project_name"])
@pytest.mark.parametrize("text", ["", "  ", *BROKEN[:-1], "x" * 400], ids=ascii)
def test_a_bad_text_is_refused_with_one_that_is_accepted(
    bake: baking.Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], question: str, text: str
) -> None:
    (refusal,) = refusals({question: text}, bake, tmp_path, capfd)
    assert re.fullmatch(rf"ERROR: {question} .+; try (['\"]).+\1", refusal)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "address", ["ada", "@ada", "ada@", "a b@x.org", "ada@x", "a@b@c.org", "<ada@x.org>", '"a"@x.org']
)
def test_an_address_that_is_none_is_refused(
    bake: baking.Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str], address: str
) -> None:
    (refusal,) = refusals({"author_email": address}, bake, tmp_path, capfd)
    assert refusal.endswith("is not an e-mail address; try 'ada@example.org'")
    assert list(tmp_path.iterdir()) == []


def test_every_refused_answer_is_named_at_once(
    bake: baking.Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    said = refusals({"description": "", "author_name": "a\nb"}, bake, tmp_path, capfd)
    assert [line.split()[1] for line in said] == ["description", "author_name"]


def test_jinja_typed_at_the_prompt_stays_text(template: Path, tmp_path: Path) -> None:
    typed = {"description": "{{ 7*7 }}", "author_name": "{% if %}", "team_channel": "{# none #}"}
    lines = [typed.get(name, "") for name in baking.ASKED]
    command = (baking.tool("cookiecutter"), template, "--default-config", "-o", tmp_path)
    done = baking.run(*command, cwd=tmp_path, input="\n".join(lines) + "\n", env=os.environ | {"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    project = tmp_path / "flight-delays"
    assert tomllib.loads((project / "pyproject.toml").read_text())["project"]["description"] == "{{ 7*7 }}"
    everything = b"".join(baking.tree(project).values())
    assert b"{% if %}" in everything
    assert b"{# none #}" in everything


def test_inside_a_repository_no_second_one_is_started(bake: baking.Bake, tmp_path: Path) -> None:
    baking.run("git", "init", cwd=tmp_path)
    assert not (bake(tmp_path) / ".git").exists()


def test_git_needs_no_identity(bake: baking.Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert (bake(tmp_path) / ".git").is_dir()


def test_git_need_not_be_there(bake: baking.Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not (bake(tmp_path) / ".git").exists()


def test_generation_says_nothing_when_all_is_well(
    bake: baking.Bake, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bake(tmp_path)
    assert capfd.readouterr() == ("", "")


def test_generating_again_over_a_project_keeps_the_team_s_own_files(template: Path, tmp_path: Path) -> None:
    command = [str(baking.tool("cookiecutter")), str(template), "--default-config", "--no-input", "-f", "ci=gitlab"]
    home = os.environ | {"HOME": str(tmp_path / "home")}
    assert baking.run(*command, cwd=tmp_path, env=home).returncode == 0
    project = tmp_path / "flight-delays"
    folders = {path.parent for path in baking.files(project)} | {project / ".github" / "workflows"}
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "ours.txt").write_text("ours")
    assert baking.run(*command, cwd=tmp_path, env=home).returncode == 0
    assert all((folder / "ours.txt").exists() for folder in folders)


def test_a_folder_that_cannot_be_written_is_named_and_left_alone(template: Path, tmp_path: Path) -> None:
    # Nobody, not even root, can make a folder there.
    closed = "/proc/self"
    command = [str(baking.tool("cookiecutter")), str(template), "--default-config", "--no-input", "-o", closed]
    done = baking.run(*command, cwd=tmp_path, env=os.environ | {"HOME": str(tmp_path)})
    assert done.returncode
    assert "Unable to create directory at /proc/self/flight-delays" in done.stderr.splitlines()[-1]
