"""Operational untruths: edits after which a page states something that the code does not do."""

from dataclasses import dataclass

PROCESS, RUNBOOK, DESIGN, CARD = "PROCESS.md", "docs/runbook.md", "docs/design.md", "docs/model-card.md"
PIPELINE_PAGE, HABITS, SECURITY, CHECKLIST = (
    "docs/data-pipeline.md",
    "docs/ways-of-working.md",
    "SECURITY.md",
    "docs/launch-checklist.md",
)
SQL_DECISION, CANCELLED = (
    "docs/decisions/0001-sql-in-one-dbt-project.md",
    "docs/decisions/0008-cancelled-flights-are-left-out.md",
)


@dataclass(frozen=True)
class Untruth:
    """An edit of a page, and the check that must report it.

    Attributes:
        code: The check.
        path: The page.
        old: The text that is replaced; empty where `new` is added as a paragraph at the end.
        new: The false text.
    """

    code: str
    path: str
    old: str
    new: str


# Those that the first edition passed: one of each kind.
PASSED_BEFORE = [
    Untruth("PRC031", PROCESS, "--trials 30 --minutes 20", "--trails 30 --minuts 20"),
    Untruth("PRC031", RUNBOOK, "nox -s rollback -- --shadow", "nox -s rollback -- --shaddow"),
    Untruth("PRC033", RUNBOOK, "8000/health/ready", "8000/helth/redy"),
    Untruth("PRC033", RUNBOOK, "127.0.0.1:8000/version", "127.0.0.1:8080/version"),
    Untruth("PRC037", PROCESS, "a table of all gates", "a table of all nine gates"),
    Untruth("PRC081", RUNBOOK, "take longer than the limit in the rule", "take longer than 500 ms"),
    Untruth(
        "PRC081",
        RUNBOOK,
        "**Meaning:** The service is not running",
        "**Meaning:** Severity: ticket. The service is not running",
    ),
    Untruth("PRC034", PROCESS, "`fine_tune` in", "`fine_tune_model` in"),
    Untruth("PRC036", DESIGN, "`prototype`, `pilot` and `production`", "`alpha`, `beta` and `prod`"),
    Untruth("PRC034", PROCESS, "`[tune.params]` in the pipeline file", "`[tuning.params]` in the pipeline file"),
    Untruth("PRC034", RUNBOOK, "`fewest_rows` under", "`min_rows` under"),
    Untruth(
        "PRC034",
        CANCELLED,
        "`fifteen_minutes_is_late_and_what_never_arrived_is_out`",
        "`late_flights_are_left_out`",
    ),
    Untruth("PRC036", SQL_DECISION, "PRC045", "PRC945"),
    Untruth("PRC029", RUNBOOK, "deploy/compose.yaml up", "deploy/compose.yml up"),
]

OPTIONS = [
    "nox -s compare -- 1 candidate --data-set test",
    "nox -s evaluate -- --versoin 2",
    "nox -s launch -- --version 2 --by YOU --because better",
    "nox -s launch -- --version 2 --by YOU --reason x --canary-share 0.1",
    "nox -s monitor -- --date 2026-01-31",
    "nox -s new_pipeline -- churn --table a.csv --outcome churned",
    "nox -s predict -- --input x.json",
    "nox -s process -- --refresh",
    "nox -s retrain -- --launch",
    "nox -s serve -- --worker 4",
    "nox -s train -- --from 3 --dataset winter",
    "nox -s verify -- --address http://127.0.0.1:8000",
    "mlteam history --rescored test",
    "mlteam tune --hours 2",
]
BARE_OPTIONS = ["--trails", "--minuts", "--rescor", "--as_of", "--from-versions", "--no-logs"]
SESSIONS = [
    "nox -s retrian",
    "nox -s promote",
    "nox -s data trian",
    "mlteam promote",
    "python -m nox -s reports",
    "nox -e checks",
]
ROUTES = [
    "curl -s http://127.0.0.1:8000/predictions",
    "curl -s http://localhost:8000/health",
    "curl -s http://127.0.0.1:8000/metric",
    "curl -s http://127.0.0.1:9999/metrics",
    "curl -s http://localhost:8001/version",
]
COMPOSE = "docker compose --file deploy/compose.yaml"
DEPLOYED = [
    f"{COMPOSE} restart servr",
    f"{COMPOSE} logs -f api",
    f"{COMPOSE} up --detach server grafna",
    f"{COMPOSE} exec -it model sh",
    "kubectl logs deployment/modle",
    "kubectl create job --from=cronjob/montior monitor-now",
]
METHODS = [
    "curl -X GET http://127.0.0.1:8000/predict",
    "curl -s -d @examples/x.json http://127.0.0.1:8000/version",
    "curl -s http://localhost:8000/explain",
]
ADDED: list[tuple[str, str, str]] = [
    *(("PRC031", RUNBOOK, f"```sh\n{command}\n```") for command in OPTIONS),
    *(("PRC031", PROCESS, f"Add `{option}` if you like.") for option in BARE_OPTIONS),
    *(("PRC030", PROCESS, f"Run `{command}`.") for command in SESSIONS),
    *(("PRC033", RUNBOOK, f"```sh\n{command}\n```") for command in ROUTES),
    ("PRC033", PROCESS, "Clients send requests to `/predicts`."),
    ("PRC033", PROCESS, "The service listens on port 8888."),
    ("PRC035", RUNBOOK, '```sh\nnox -s rollback -- --by charles --reason "x"\n```'),
    ("PRC035", PROCESS, "Write `--by grace` where it asks for a person."),
    ("PRC037", PROCESS, "The twelve gates decide."),
    ("PRC037", RUNBOOK, "All 19 alerts are tested."),
    ("PRC037", DESIGN, "The 40 questions are answered in one page."),
    ("PRC037", DESIGN, "A project has four stages."),
    ("PRC037", PROCESS, "The five routes are drawn above."),
    ("PRC039", PROCESS, "A version fails if its latency is above 80 ms."),
    ("PRC039", DESIGN, "The snapshot must not be older than 60 days."),
    ("PRC039", RUNBOOK, "A page must be answered within 30 minutes."),
    ("PRC039", RUNBOOK, "A ticket is answered within 5 days."),
    ("PRC039", CHECKLIST, "Silence of the service for 48 hours is reported."),
    ("PRC039", PROCESS, "Below a fewest of 100 rows nothing is reported: with fewer than 100 rows, that is."),
    ("PRC040", PROCESS, "It needs Python 3.8."),
    ("PRC040", DESIGN, "The files are written for engine 9.1.0."),
    ("PRC034", PROCESS, "Call `load_registered_version` for it."),
    ("PRC034", PROCESS, "The class `GradientBoosting` does it."),
    ("PRC034", PIPELINE_PAGE, "Columns in `known_after_the_event` are left out."),
    ("PRC034", RUNBOOK, "The alert `ModelSlower` follows."),
    ("PRC034", RUNBOOK, "Set `silence_hour` in the file."),
    ("PRC034", HABITS, "Open it with `mlteam.open_table()`."),
    ("PRC034", DESIGN, "The table `[gate.limits]` has them."),
    ("PRC034", SECURITY, "Set `MODEL_TOKENS` for clients."),
    ("PRC034", PROCESS, "The key `slice_losses` says how much."),
    ("PRC034", CARD, "The metric `cost_per_flights` counts them."),
    ("PRC036", SECURITY, "See PRC999 for it."),
    ("PRC036", DESIGN, "From the stage `staging` on it blocks."),
    ("PRC036", CHECKLIST, "It is due at the stages `canary` and `production`."),
    ("PRC029", PROCESS, "See `engine/src/mlteam/launch/gate.py`."),
    ("PRC029", RUNBOOK, "```sh\ndocker compose --file deploy/docker-compose.yaml up\n```"),
    ("PRC029", DESIGN, "The test is `tests/test_models.py::test_the_future`."),
    ("PRC029", PIPELINE_PAGE, "See `sql/models/features/flight_feature.sql`."),
    *(("PRC032", RUNBOOK, f"```sh\n{command}\n```") for command in DEPLOYED),
    ("PRC030", RUNBOOK, f"```sh\n{COMPOSE} run --rm jobs monitro\n```"),
    ("PRC031", RUNBOOK, f"```sh\n{COMPOSE} run --rm jobs monitor --fast\n```"),
    ("PRC033", DESIGN, "MLflow listens on 127.0.0.1:5001."),
    ("PRC034", SECURITY, "Set `MLTEAM_SERVICE_TOKENS_FILE` on the server."),
    ("PRC034", HABITS, "Begin with `from mlteam.data import load_all_rows`."),
    ("PRC036", RUNBOOK, "An alert of severity `critical` wakes somebody."),
    *(("PRC038", RUNBOOK, f"```sh\n{command}\n```") for command in METHODS),
    ("PRC038", DESIGN, "A client asks with `GET /predict`."),
    ("PRC055", PROCESS, "Set `workers` in `[serving]` of the pipeline file."),
    ("PRC055", DESIGN, "How long is in `[monitoring] grace_days`."),
    ("PRC055", RUNBOOK, "Write `latency = 20` under `[gates]`."),
    ("PRC056", PROCESS, "A version is launched only if its `roc_auc` is at least 0.7."),
    ("PRC056", DESIGN, "The gate fails for a roc_auc below 0.6."),
    ("PRC027", DESIGN, "See [the card](models-card.md)."),
    ("PRC028", DESIGN, "See [the card](model-card.md#threshold)."),
    ("PRC017", CARD, "A command that predicts does not exist yet."),
    ("PRC017", DESIGN, "Fine-tuning is not supported."),
    ("PRC017", PROCESS, "There is no dashboard yet."),
    ("PRC017", CARD, "**Open:** `nox -s predict` is missing."),
    ("PRC017", RUNBOOK, "**Open:** who writes `monitoring/dashboard.json`?"),
]
REPLACED = [
    ("PRC080", RUNBOOK, "### ModelOld\n", "### ModelTired\n"),
    ("PRC020", PROCESS, "- **Owner:** data engineer", "- **Owner:** product manager"),
    ("PRC020", RUNBOOK, "owner: devops_engineer", "owner: night_watch"),
    (
        "PRC041",
        DESIGN,
        'click registry "../engine/src/mlteam/registry',
        'click registry "../engine/src/mlteam/monitoring',
    ),
    ("PRC041", DESIGN, 'click serving "../engine/src/mlteam/serving/app.py"', 'click serving "../pipelines"'),
    ("PRC042", PROCESS, "POST /predict, POST /explain", "POST /predict, POST /describe"),
    (
        "PRC050",
        RUNBOOK,
        "| page | DevOps engineer | The service does not answer Prometheus. |",
        "| ticket | DevOps engineer | The service does not answer Prometheus. |",
    ),
    ("PRC050", PROCESS, "| `latency_ms` | 50 |", "| `latency_ms` | 500 |"),
    ("PRC081", RUNBOOK, "**Meaning:** The daily schedule", "**Meaning:** For 48 hours the daily schedule"),
]
UNTRUTHS = [
    *PASSED_BEFORE,
    *(Untruth(code, path, "", text) for code, path, text in ADDED),
    *(Untruth(code, path, old, new) for code, path, old, new in REPLACED),
]
