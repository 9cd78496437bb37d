"""Make a version the champion if it passes every gate, or restore the previous one."""

from typing import Literal

from mlteam.commands.pages import show_version, write_launch_page
from mlteam.config.spec import Spec
from mlteam.config.team import load_team
from mlteam.core import console
from mlteam.core.errors import ProjectError, suggest
from mlteam.core.paths import TEAM_FILE
from mlteam.launch import evidence, gates, publish
from mlteam.registry import launch_log, versions
from mlteam.registry.launch_log import LaunchRecord, LaunchState
from mlteam.registry.versions import RegisteredVersion
from mlteam.serving import bundle

CHAMPION = "champion"
SHADOW = "shadow"


def launch_version(
    spec: Spec, which: str, by: str, reason: str, *, shadow: bool = False, canary: float = 0
) -> LaunchRecord:
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
    _validate_author_and_reason(by, reason)
    sync_with_launch_log(spec)
    before = launch_log.get_launch_state(spec)
    version = versions.open_version(spec, which)
    champion = before.champion
    if shadow and champion is None:
        raise ProjectError("a shadow needs a champion", fix="launch one without --shadow first")
    if champion and champion.version == version.number:
        return _restore_bundle(spec, version, champion)
    decided = run_gates(spec, version, open_rival(spec, before))
    answers = not shadow or canary > 0
    refused = [gate.name for gate in decided if not gate.passed and (answers or not gate.quality)]
    if refused:
        what = f"version {version.number} is not launched: {', '.join(refused)}"
        raise ProjectError(what, fix=f"the table above has the numbers; the limits are in {spec.path}, [gates]")
    with console.show_progress("write the bundle"):
        folder = publish.publish_bundle(spec, version)
    record = LaunchRecord(
        at=launch_log.get_next_timestamp(before),
        kind="shadow" if shadow else "launch",
        version=version.number,
        folder=folder.name,
        by=by,
        reason=reason,
        canary_share=canary,
        gates=tuple(f"{gate.name}: {'passed' if gate.passed else 'refused'}, {gate.message}"[:200] for gate in decided),
    )
    _commit_record(spec, before, record)
    role = f"shadow, answers {canary:.0%}" if shadow else CHAMPION
    console.print_line(f"{spec.name} version {version.number} is {role}: {folder}")
    write_launch_page(spec.name, record)
    show_version(spec, version.number)
    return record


def roll_back(spec: Spec, by: str, reason: str, *, shadow: bool = False) -> LaunchRecord:
    """Make the previous champion the champion again, or remove the shadow.

    Raises:
        ProjectError: There is nothing to go back to, or its bundle is not whole; names those that are.
    """
    _validate_author_and_reason(by, reason)
    before = launch_log.get_launch_state(spec)
    kind: Literal["rollback", "no_shadow"] = "no_shadow" if shadow else "rollback"
    if shadow:
        target = before.shadow
        if target is None:
            raise ProjectError("there is no shadow", fix="`nox -s history` lists every launch")
    else:
        if len(before.champions) < 2:  # noqa: PLR2004
            raise ProjectError("there is no earlier champion to go back to", fix="launch one: `nox -s launch`")
        target = before.champions[-2]
        _check_restorable(spec, before, target)
    record = LaunchRecord(
        at=launch_log.get_next_timestamp(before),
        kind=kind,
        version=target.version,
        folder=target.folder,
        by=by,
        reason=reason,
    )
    _commit_record(spec, before, record)
    now = launch_log.get_launch_state(spec).champion
    console.print_line(f"{spec.name} version {now.version if now else 'none'} is {CHAMPION}")
    show_version(spec, now.version if now else target.version)
    return record


def _restore_bundle(spec: Spec, version: RegisteredVersion, champion: LaunchRecord) -> LaunchRecord:
    """Write the champion's bundle again where it is no longer whole.

    Raises:
        ProjectError: It is whole, or would no longer be the same one.
    """
    if bundle.is_intact(bundle.get_bundles_folder(spec.name) / champion.folder):
        raise ProjectError(f"version {version.number} already is the champion", fix="`nox -s history` lists the others")
    folder = publish.publish_bundle(spec, version)
    if folder.name != champion.folder:
        what = f"version {version.number} was launched with other settings: its bundle cannot be written as it was"
        raise ProjectError(what, where=str(spec.path), fix="restore its [serving] and [gates], or roll back")
    console.print_line(f"{spec.name} version {version.number}: its bundle is whole again: {folder}")
    return champion


def open_rival(spec: Spec, state: LaunchState) -> RegisteredVersion | None:
    """Open the version that the gates compare with: the best champion so far, or None without one."""
    if state.champion is None:
        return None
    earlier = dict.fromkeys(r.version for r in reversed(state.champions) if r.version != state.champion.version)
    opened = [versions.open_version(spec, str(number)) for number in list(earlier)[: evidence.MAX_RIVALS]]
    champion = versions.open_version(spec, str(state.champion.version))
    return evidence.find_best_champion(spec, champion, opened) if opened else champion


def run_gates(spec: Spec, version: RegisteredVersion, champion: RegisteredVersion | None) -> list[gates.GateResult]:
    """Compute the evidence, decide, and print every gate with its number."""
    decided = gates.evaluate_gates(spec.gates, evidence.gather_evidence(spec, version, champion))
    rows = [[gate.name, "passed" if gate.passed else "REFUSED", gate.message] for gate in decided]
    console.print_text_table(f"gates for {spec.name} version {version.number}", ["gate", "", "found"], rows)
    return decided


def sync_with_launch_log(spec: Spec) -> None:
    """Bring aliases and pointer to what the records say, as after a launch that was killed half-way."""
    found = launch_log.get_launch_state(spec)
    versions.set_aliases(
        spec, {CHAMPION: _get_version_number(found.champion), SHADOW: _get_version_number(found.shadow)}
    )
    if found.champion is None or found.last is None:
        return
    pointer = bundle.LivePointer(
        champion=found.champion.folder,
        shadow=found.shadow.folder if found.shadow else None,
        canary_share=found.shadow.canary_share if found.shadow else 0,
        launched_at=found.last.at.isoformat(),
        by=found.last.by,
    )
    bundle.write_live_pointer(spec.name, pointer)


def _get_version_number(record: LaunchRecord | None) -> int | None:
    return record.version if record else None


def _commit_record(spec: Spec, before: LaunchState, record: LaunchRecord) -> None:
    with launch_log.lock_launches():
        if launch_log.get_launch_state(spec) != before:
            what = "another launch came first, so the gates were compared with a former champion"
            raise ProjectError(what, fix="run the command again")
        launch_log.append_launch_record(spec, record)
        sync_with_launch_log(spec)


def _validate_author_and_reason(by: str, reason: str) -> None:
    """Refuse a name that the team does not have, and a reason that says nothing."""
    here = load_team().list_present_people()
    if by not in here:
        raise ProjectError(f"--by {by!r}: no such person", where=str(TEAM_FILE), fix=suggest(by, here))
    if not reason.strip() or len(reason) > 500:  # noqa: PLR2004
        raise ProjectError("--reason must say why, in at most 500 characters", fix='pass --reason "…"')


def _check_restorable(spec: Spec, found: LaunchState, target: LaunchRecord) -> None:
    home = bundle.get_bundles_folder(spec.name)
    try:
        bundle.load(home / target.folder)
    except ProjectError as error:
        whole = [str(record.version) for record in found.champions[:-1] if bundle.is_intact(home / record.folder)]
        fix = f"restore {home} from a backup, or launch one of: {', '.join(whole) or 'none is intact'}"
        raise ProjectError(f"version {target.version}: {error.what}", where=error.where, fix=fix) from None
