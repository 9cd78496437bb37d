"""Each check with an edit that it must find, and one much like it that it must let pass."""

import re
from dataclasses import dataclass
from pathlib import Path

from edits import (
    DESIGN,
    EXCEPTION,
    GRACE,
    PIPELINE,
    ROLLOUT,
    SOURCES,
    TEAM,
    Edit,
    append,
    both,
    fix,
    rename,
    replace,
    report,
    snapshot,
)

ALERTS = "monitoring/alerts.yml"
CRONJOBS = "deploy/kubernetes/schedule.yaml"
ALERT_TESTS = "monitoring/alerts_test.yml"
DASHBOARD = "monitoring/dashboard.json"
RUNBOOK = "docs/runbook.md"
COMPOSE = "docker compose --file deploy/compose.yaml"


@dataclass(frozen=True)
class Breach:
    """A check with an edit that it must find and, beside it, one much like it that it must let pass."""

    code: str
    wrong: Edit
    right: Edit
    stage: str = ""


def nothing(_: Path) -> None:
    """Leave the fresh project as it is."""


def closed(project: Path) -> None:
    """Answer every open item with the same sentence that no check rejects."""
    for path in (project / "PROCESS.md", project / "SECURITY.md", *project.glob("docs/**/*.md")):
        text = re.sub(r"\*\*Open:\*\*", "So far:", path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8", newline="\n")


BREACHES = [
    Breach("PRC001", rename(DESIGN, "docs/Design.md"), append("docs/another.md", "# Another page\n")),
    Breach("PRC002", replace(DESIGN, "## Data\n", "## data\n"), replace(DESIGN, "## Data\n", "Data\n----\n")),
    Breach("PRC003", append(DESIGN, "\n## Data\n\nAgain.\n"), append(DESIGN, "\n> ## Data\n>\n> A quote.\n")),
    Breach("PRC005", replace(TEAM, "stage =", "stages ="), replace(TEAM, "stage =", "stage   =")),
    Breach("PRC006", append(DESIGN, "\nRe\u202eversed.\n"), append(DESIGN, "\nÉlan, 量, naïve: fine.\n")),
    Breach(
        "PRC007",
        replace("PROCESS.md", "### How do I make my SQL", "### How does one make SQL"),
        append("PROCESS.md", "\n### And a question of our own?\n\nYes.\n"),
    ),
    Breach(
        "PRC014",
        replace("PROCESS.md", "- **Expect:** ", "- Note: "),
        replace("PROCESS.md", "- **Expect:** ", "- **Note:** n.\n- **Expect:** "),
    ),
    Breach("PRC016", nothing, closed, "pilot"),
    Breach("PRC080", replace(ALERTS, "alert: ModelOld", "alert: ModelStale"), replace(ALERTS, "for: 2m", "for: 3m")),
    Breach("PRC080", replace(RUNBOOK, "### ModelOld", "### ModelStale"), append(RUNBOOK, "\n### Another\n")),
    Breach("PRC082", replace(ALERTS, "severity: page", "severity: loud"), replace(ALERTS, "for: 2m", "for: 3m")),
    Breach("PRC082", replace(ALERTS, "#modelold", "#modeldown"), replace(ALERTS, "severity: page", "severity: ticket")),
    Breach("PRC083", replace(ALERTS, "model_ready", "model_redy"), replace(ALERTS, "14.4", "10")),
    Breach(
        "PRC084",
        replace(ALERT_TESTS, "alertname: ModelSlow", "alertname: ModelSlo"),
        replace(ALERT_TESTS, "ModelSlow fires", "a slow model fires"),
    ),
    Breach(
        "PRC085",
        replace(DASHBOARD, "model_predictions_total", "model_predicted_total"),
        replace(DASHBOARD, '"title": "Predicted rows"', '"title": "model_predicted_total"'),
    ),
    Breach("PRC085", replace(DASHBOARD, '"panels": [', '"panels": [,'), replace(DASHBOARD, "[5m]", "[10m]")),
    Breach("PRC087", replace(PIPELINE, '"0 2 * * *"', '"30 2 * * *"'), replace(CRONJOBS, "memory: 4Gi", "memory: 6Gi")),
    Breach(
        "PRC087",
        replace(CRONJOBS, "args: [retrain]", "args: [retrain, --pipeline, other]"),
        replace(CRONJOBS, "kind: List", "kind: List  # ours"),
    ),
    Breach("PRC086", replace(ALERTS, 'check="drift"', 'check="drifts"'), replace(DASHBOARD, 'drift\\"', 'missing\\"')),
    Breach(
        "PRC020",
        replace(SOURCES, "owner: data_engineer", "owner: '@ml-team'"),
        replace(SOURCES, "owner: data_engineer", "owner: ml_engineer"),
    ),
    Breach(
        "PRC021",
        replace(TEAM, 'ml_engineer = ["ada"]', 'ml_engineer = ["charles"]'),
        both(append(TEAM, GRACE), replace(TEAM, 'ml_engineer = ["ada"]', 'ml_engineer = ["grace", "ada"]')),
    ),
    Breach("PRC022", append(TEAM, GRACE.replace("grace@navy.mil", "")), append(TEAM, GRACE)),
    Breach("PRC025", replace(TEAM, 'within = "15 minutes"\n', ""), replace(TEAM, '"15 minutes"', '"5 minutes"')),
    Breach(
        "PRC027",
        append(DESIGN, "\n[there](Data-Card.md)\n"),
        append(DESIGN, "\n[there](data%2Dcard.md#splits), [root](..)\n"),
    ),
    Breach("PRC028", append(DESIGN, "\n[there](#nowhere)\n"), append(DESIGN, "\n## Data\n\n[it](#data-1)\n")),
    Breach(
        "PRC029",
        append(DESIGN, "\n`sql/models/nowhere.sql`\n"),
        append(DESIGN, "\n`sql/models/staging/*.sql`, `a/b test`, `and/or`\n"),
    ),
    Breach(
        "PRC030",
        append(DESIGN, "\n`nox -e trian`\n"),
        append(DESIGN, "\n`python -m nox -s data train -- --pipeline x`\n"),
    ),
    Breach(
        "PRC032",
        append(DESIGN, f"\n`{COMPOSE} logs -f servr`\n"),
        append(DESIGN, f"\n`{COMPOSE} run --rm -e A=b jobs monitor`, `kubectl logs deployment/grafana`\n"),
    ),
    Breach("PRC034", append(DESIGN, "\n`MLFLOW_TRACKING_URL`\n"), append(DESIGN, "\n`MLFLOW_TRACKING_URI=x`\n")),
    Breach(
        "PRC038",
        append(DESIGN, "\n`curl -d @x.json http://127.0.0.1:8000/version`\n"),
        append(DESIGN, "\n`curl -d @x.json http://127.0.0.1:8000/predict`, `curl -X GET http://example.org/predict`\n"),
    ),
    Breach(
        "PRC042",
        replace("PROCESS.md", "GET /version --> server", "GET /about --> server"),
        replace("PROCESS.md", "GET /version --> server", "what answers, by GET /version --> server"),
    ),
    Breach(
        "PRC042",
        replace("engine/src/mlteam/serving/app.py", '@app.get("/version"', '@app.get("/about"'),
        replace("engine/src/mlteam/serving/app.py", "async def version()", "async def about()"),
    ),
    Breach("PRC043", append(PIPELINE, "\n[splits\n"), append(PIPELINE, "\n# the end\n")),
    Breach(
        "PRC044",
        replace(SOURCES, "error_after:", "errors_after:"),
        replace(SOURCES, "    loader:", "    quoting: {}\n    loader:"),
    ),
    Breach("PRC045", append("sql/models/features/new.sql", "select 1\n"), append("sql/macros/new.sql", "-- nothing\n")),
    Breach(
        "PRC048",
        replace(PIPELINE, "none_because =", "not_personal = [] #"),
        replace(PIPELINE, "none_because =", "quasi_identifiers = ['dest']\nk = 5 #"),
    ),
    Breach(
        "PRC049",
        append("examples/clients.csv", "id,e_mail\n1,ada@example.org\n"),
        append("examples/clients.csv", "id,wants_e_mail\n1,yes\n"),
    ),
    Breach(
        "PRC050",
        replace("noxfile.py", '"""Check style', '"""Read style'),
        both(replace("noxfile.py", '"""Check style', '"""Read style'), fix),
    ),
    Breach(
        "PRC054", replace(PIPELINE, '"brier_score"]', '"brier_scores"]'), replace(PIPELINE, ', "brier_score"]', "]")
    ),
    Breach(
        "PRC075",
        append("docs/performance-expectations.md", "\nScore: AUC\n"),
        append("docs/performance-expectations.md", "\nThe AUC is no score.\n"),
    ),
    Breach(
        "PRC093",
        replace("pyproject.toml", 'engine = "0.2.0"', 'engine = "0.3.0"'),
        replace("pyproject.toml", 'version = "0.1.0"', 'version = "0.3.0"'),
    ),
    Breach("PRC004", replace(DESIGN, "status: draft", "status: good"), replace(DESIGN, ": draft", ": reviewed")),
    Breach("PRC010", replace(DESIGN, ROLLOUT, f"{ROLLOUT}\n## Rollout of old\n"), append(DESIGN, "\n## Extra\n")),
    Breach(
        "PRC011",
        replace(DESIGN, ROLLOUT, f"{ROLLOUT}\nTBD by the team\n"),
        replace(DESIGN, ROLLOUT, f"{ROLLOUT}\nThe word `TODO` is rejected here, and XXX-large is a size.\n"),
    ),
    Breach(
        "PRC017",
        replace("PROCESS.md", "nox -s tune -- --trials", "nox -s train -- --trials"),
        replace("PROCESS.md", "nox -s tune -- --trials", "nox -s train tune -- --trials"),
    ),
    Breach(
        "PRC024",
        replace("CODEOWNERS", "/sql/ ada@example.org", "/sql/ grace@navy.mil"),
        append("CODEOWNERS", "/tests/ ada@example.org\n"),
    ),
    Breach(
        "PRC026",
        replace(TEAM, '"ada@example.org"', '"ada@example.org"\nleft = 2026-01-31'),
        append(TEAM, f"{GRACE}left = 2026-01-31\n"),
    ),
    Breach(
        "PRC031",
        append(DESIGN, "\n`nox -s tune -- --trails 5`\n"),
        append(DESIGN, "\n`docker run --rm`, `nox -s tests -- -k name --pdb`, `mlteam tune --trials 5`\n"),
    ),
    Breach(
        "PRC033",
        append(DESIGN, "\n<http://127.0.0.1:8080/version>\n"),
        append(DESIGN, "\n<http://db.internal:5432/version>, `/var/log`, <http://127.0.0.1:8000/version>\n"),
    ),
    Breach(
        "PRC035",
        append(DESIGN, "\n`nox -s rollback -- --by charles --reason x`\n"),
        append(DESIGN, "\n`nox -s rollback -- --by YOU`, `nox -s rollback -- --by ada`\n"),
    ),
    Breach(
        "PRC036",
        append(DESIGN, "\nPRC945 says so.\n"),
        append(DESIGN, "\nPRC045 says so, and the stage `pilot` needs it.\n"),
    ),
    Breach(
        "PRC037",
        append(DESIGN, "\nAll nine gates decide.\n"),
        append(DESIGN, "\nTwo gates failed on Monday; five things were good.\n"),
    ),
    Breach(
        "PRC039",
        append(DESIGN, "\nThe latency must stay below 500 ms.\n"),
        append(DESIGN, "\nThe latency must stay below 50 ms. A meeting takes less than 30 minutes.\n"),
    ),
    Breach("PRC040", append(DESIGN, "\nPython 3.9 will do.\n"), append(DESIGN, "\nPython 3.12 will do.\n")),
    Breach(
        "PRC041",
        replace(DESIGN, 'click reports "../engine', 'click reports "../lib'),
        replace(DESIGN, "|metrics with intervals|", "|numbers|"),
    ),
    Breach(
        "PRC046",
        replace(PIPELINE, '    "seats",\n', '    "seets",\n'),
        replace(PIPELINE, '    "seats",\n', ""),
    ),
    Breach("PRC047", nothing, both(snapshot(), report(), fix), "pilot"),
    Breach(
        "PRC055",
        append(DESIGN, "\n`[gates] latency`\n"),
        append(DESIGN, "\n`[gates] latency_ms = 20`, `[tool.ruff] line-length`, `x` in `[people.ada]`\n"),
    ),
    Breach(
        "PRC056",
        append(DESIGN, "\nThe gate needs a roc_auc of at least 0.7.\n"),
        append(DESIGN, "\nIn July roc_auc was below 0.6. The gate needs a roc_auc of at least 0.65.\n"),
    ),
    Breach(
        "PRC057",
        append(DESIGN, "\nWe use XGBoost 1.7.\n"),
        append(DESIGN, "\nWe use XGBoost 3.2. Since XGBoost 2.0 it reads categories.\n"),
    ),
    Breach(
        "PRC060",
        replace(DESIGN, "last_reviewed: never", "last_reviewed: 2999-01-01"),
        replace(DESIGN, "last_reviewed: never", "last_reviewed: 2026-11-01"),
    ),
    Breach(
        "PRC076",
        append("docs/x.md", "# Evaluation\n\nEmployee: Ada\nRating: good\n"),
        append("docs/x.md", "# Evaluation\n\n```text\nEmployee:\nRating:\n```\n"),
    ),
    Breach(
        "PRC081",
        replace(RUNBOOK, "**Meaning:** The service", "**Meaning:** Severity: ticket. The service"),
        replace(RUNBOOK, "**Meaning:** The service", "**Meaning:** Severity: page. The service"),
    ),
    Breach(
        "PRC090",
        append("process.toml", EXCEPTION.replace("ml_engineer", "nobody")),
        append("process.toml", EXCEPTION),
    ),
    Breach(
        "PRC092",
        append("engine/src/mlteam/core/paths.py", "\n# edited\n"),
        append("src/flight_delays/models.py", "\n# edited\n"),
        stage="pilot",
    ),
]
