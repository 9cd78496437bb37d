"""Make a version the champion if every gate lets it, or go back to the one before."""

import tomllib
from pathlib import Path
from typing import Literal

from . import bundle, console, evidence, gates, launches, registry
from .errors import ProjectError
from .launches import Record, State
from .registry import Version
from .settings import suggest
from .spec import Spec

TEAM = Path("team.toml")
CHAMPION = "champion"
SHADOW = "shadow"


def launch(spec: Spec, which: str, by: str, reason: str, *, shadow: bool = False, canary: float = 0) -> Record:
    """Judge a version by the gates and let it answer.

    Args:
        spec: Today's.
        which: Number or alias of the version.
        by: Who decides, by the name in team.toml.
        reason: Why.
        shadow: Let it predict beside the champion, without answering.
        canary: Share of the requests that the shadow answers nevertheless.

    Raises:
        ProjectError: A gate refuses, or another launch came first.
    """
    _allowed(by, reason)
    follow(spec)
    before = launches.state(spec)
    version = registry.open_version(spec, which)
    champion = before.champion
    if shadow and champion is None:
        raise ProjectError("a shadow needs a champion beside it", fix="launch one without --shadow first")
    if champion and champion.version == version.number:
        raise ProjectError(f"version {version.number} is the champion already", fix="`nox -s history` lists the others")
    rival = registry.open_version(spec, str(champion.version)) if champion else None
    decided = judge(spec, version, rival)
    answers = not shadow or canary > 0
    refused = [gate.name for gate in decided if not gate.passed and (answers or not gate.quality)]
    if refused:
        what = f"version {version.number} is not launched: {', '.join(refused)}"
        raise ProjectError(what, fix=f"the table above has the numbers; the limits stand in {spec.path}, [gates]")
    with console.step("write the bundle"):
        folder = bundle.publish(spec, version)
    record = Record(
        at=launches.now(before),
        kind="shadow" if shadow else "launch",
        version=version.number,
        folder=folder.name,
        by=by,
        reason=reason,
        canary_share=canary,
        gates=tuple(f"{gate.name}: {'passed' if gate.passed else 'refused'}, {gate.said}"[:200] for gate in decided),
    )
    _write(spec, before, record)
    role = f"shadow, answers {canary:.0%}" if shadow else CHAMPION
    console.say(f"{spec.name} version {version.number} is {role}: {folder}")
    return record


def rollback(spec: Spec, by: str, reason: str, *, shadow: bool = False) -> Record:
    """Let the champion before the present one answer again, or take the shadow away.

    Raises:
        ProjectError: There is nothing to go back to, or its bundle is not whole; names those that are.
    """
    _allowed(by, reason)
    before = launches.state(spec)
    kind: Literal["rollback", "no_shadow"] = "no_shadow" if shadow else "rollback"
    if shadow:
        target = before.shadow
        if target is None:
            raise ProjectError("there is no shadow", fix="`nox -s history` lists every launch")
    else:
        if len(before.champions) < 2:  # noqa: PLR2004
            raise ProjectError("there is no earlier champion to go back to", fix="launch one: `nox -s launch`")
        target = before.champions[-2]
        _restorable(spec, before, target)
    record = Record(
        at=launches.now(before), kind=kind, version=target.version, folder=target.folder, by=by, reason=reason
    )
    _write(spec, before, record)
    now = launches.state(spec).champion
    console.say(f"{spec.name} version {now.version if now else 'none'} is {CHAMPION}")
    return record


def judge(spec: Spec, version: Version, champion: Version | None) -> list[gates.Gate]:
    """Compute the evidence, decide, and print every gate with its number."""
    decided = gates.decide(spec.gates, evidence.gather(spec, version, champion))
    rows = [[gate.name, "passed" if gate.passed else "REFUSED", gate.said] for gate in decided]
    console.facts(f"gates for {spec.name} version {version.number}", ["gate", "", "found"], rows)
    return decided


def follow(spec: Spec) -> None:
    """Bring aliases and pointer to what the records say, as after a launch that was killed half-way."""
    found = launches.state(spec)
    registry.set_aliases(spec, {CHAMPION: _number(found.champion), SHADOW: _number(found.shadow)})
    if found.champion is None or found.last is None:
        return
    said = bundle.Live(
        champion=found.champion.folder,
        shadow=found.shadow.folder if found.shadow else None,
        canary_share=found.shadow.canary_share if found.shadow else 0,
        launched_at=found.last.at.isoformat(),
        by=found.last.by,
    )
    bundle.point(spec.name, said)


def _number(record: Record | None) -> int | None:
    return record.version if record else None


def _write(spec: Spec, before: State, record: Record) -> None:
    with launches.alone():
        if launches.state(spec) != before:
            what = "another launch came first, so the gates compared with what is no longer the champion"
            raise ProjectError(what, fix="run the command again")
        launches.write(spec, record)
        follow(spec)


def _allowed(by: str, reason: str) -> None:
    """Refuse a name that the team does not have, and a reason that says nothing."""
    team = tomllib.loads(TEAM.read_text(encoding="utf-8"))
    here = [name for name, person in team.get("people", {}).items() if "left" not in person]
    if by not in here:
        raise ProjectError(f"--by {by!r} is nobody of the team", where=str(TEAM), fix=suggest(by, here))
    if not reason.strip() or len(reason) > 500:  # noqa: PLR2004
        raise ProjectError("--reason must say why, in at most 500 characters", fix='say --reason "…"')


def _restorable(spec: Spec, found: State, target: Record) -> None:
    home = bundle.home(spec.name)
    try:
        bundle.load(home / target.folder)
    except ProjectError as error:
        whole = [str(record.version) for record in found.champions[:-1] if bundle.opens(home / record.folder)]
        fix = f"restore {home} from a backup, or launch one of: {', '.join(whole) or 'none is whole'}"
        raise ProjectError(f"version {target.version}: {error.what}", where=error.where, fix=fix) from None
