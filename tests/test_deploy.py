"""The tools that read deploy/ accept it; it gives nothing away, and names nothing that is not there."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import baking
import edits  # noqa: F401
import kubernetes_validate
import pytest
import yaml
from mlteam.repository.project import Project

LONGEST = "Nine Words of Six Letters Or So Make a Long Name That Ends Here"[:60]
KUBERNETES = ("1.30", kubernetes_validate.latest_version())
PINNED = re.compile(r"[\w./-]+:v?\d+\.\d+[\w.-]*")
NAMES = ("secret", "token", "password")


@pytest.fixture(scope="module", params=["Flight Delays", LONGEST, "empty"])
def project(request: pytest.FixtureRequest, bake: baking.Bake, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param == "empty":
        return Path(request.getfixturevalue("empty"))
    return bake(tmp_path_factory.mktemp("deploy"), project_name=request.param)


def read(project: Path, name: str) -> Any:
    return yaml.safe_load((project / "deploy" / name).read_text(encoding="utf-8"))


def manifests(project: Path) -> Iterator[dict[str, Any]]:
    """Each object of Kubernetes, those of lists and of several documents one by one."""
    for path in sorted((project / "deploy" / "kubernetes").iterdir()):
        for found in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            yield from found["items"] if found["kind"] == "List" else [found]


def find_deployment(project: Path) -> dict[str, Any]:
    return next(found for found in manifests(project) if found["kind"] == "Deployment")


def pods(project: Path) -> Iterator[dict[str, Any]]:
    """What each workload runs."""
    for found in manifests(project):
        spec = found["spec"].get("jobTemplate", found)["spec"] if "spec" in found else {}
        if "template" in spec:
            yield spec["template"]["spec"]


def services(project: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read(project, "compose.yaml")["services"]
    return found


def stages(project: Path) -> dict[str, list[tuple[str, str]]]:
    """The instructions of each stage of the Dockerfile, by the stage's name."""
    text = (project / "deploy" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    found: dict[str, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            found[rest.split(" AS ")[1]] = here = [(instruction, rest.split(" AS ")[0])]
        elif instruction.isupper():
            here.append((instruction, rest))
    return found


@pytest.mark.parametrize("version", KUBERNETES)
def test_the_manifests_keep_to_the_schemas_of_kubernetes(project: Path, version: str) -> None:
    found = list(manifests(project))
    assert len(found) >= 10
    for manifest in found:
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_schemas_refuse_a_manifest_that_is_wrong(project: Path) -> None:
    deployment = find_deployment(project)
    deployment["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES[-1], strict=True)


def compose_errors(path: Path) -> str:
    schema = ("--builtin-schema", "vendor.compose-spec")
    done = baking.run(baking.tool("check-jsonschema"), *schema, path, cwd=path.parent)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_compose_file_keeps_to_its_specification(project: Path, tmp_path: Path) -> None:
    path = project / "deploy" / "compose.yaml"
    assert compose_errors(path) == ""
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(path.read_text(encoding="utf-8").replace("cap_drop:", "drop_cap:"), encoding="utf-8")
    assert "drop_cap" in compose_errors(wrong)


def test_the_dockerfile_passes_its_linter(project: Path, tmp_path: Path) -> None:
    path = project / "deploy" / "Dockerfile"
    done = baking.run(baking.tool("hadolint"), "--no-color", path, cwd=project)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "Dockerfile"
    wrong.write_text(path.read_text(encoding="utf-8").replace("python:3.12.11-slim-bookworm", "python:latest"))
    assert "DL3007" in baking.run(baking.tool("hadolint"), "--no-color", wrong, cwd=project).stdout


def test_every_image_is_pinned_to_a_version(project: Path) -> None:
    bases = [base for steps in stages(project).values() for _, base in steps[:1] if base not in stages(project)]
    images = [service["image"] for service in services(project).values()]
    images += [container["image"] for pod in pods(project) for container in pod["containers"]]
    assert len(images) >= 10
    assert [image for image in (*bases, *images) if not PINNED.fullmatch(image)] == []


def test_nothing_runs_as_root_or_may_become_it(project: Path) -> None:
    for name in ("mlflow", "jobs", "server"):
        (user,) = [rest for instruction, rest in stages(project)[name] if instruction == "USER"]
        assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user), name
    for name, service in services(project).items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "build" in service or re.fullmatch(r"[1-9]\d*:\d+", service["user"]), name
        assert not {"privileged", "network_mode", "pid", "cap_add", "devices"} & set(service), name
        assert "docker.sock" not in str(service), name
    assert len(list(pods(project))) == 4
    for pod in pods(project):
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["securityContext"]["runAsUser"] == 10001
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_everything_has_limits_and_is_asked_whether_it_is_well(project: Path) -> None:
    for name, service in services(project).items():
        assert {"mem_limit", "cpus", "pids_limit"} <= set(service), name
        in_image = any(instruction == "HEALTHCHECK" for instruction, _ in stages(project).get(name, ()))
        assert "healthcheck" in service or in_image or name == "jobs", name
    for pod in pods(project):
        assert {"cpu", "memory"} == set(pod["containers"][0]["resources"]["limits"])
    (server,) = find_deployment(project)["spec"]["template"]["spec"]["containers"]
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(server)


def test_only_this_machine_reaches_what_compose_publishes(project: Path) -> None:
    published = [port for service in services(project).values() for port in service.get("ports", ())]
    assert len(published) >= 5
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


def test_no_secret_stands_in_a_file_of_the_repository(project: Path) -> None:
    for name, service in services(project).items():
        for variable, value in service.get("environment", {}).items():
            if any(word in variable.lower() for word in NAMES):
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value), (name, variable)
    secrets = [entry["file"] for entry in read(project, "compose.yaml")["secrets"].values()]
    for path in (".env", *secrets):
        assert baking.run("git", "check-ignore", f"deploy/{path}", cwd=project).returncode == 0, path
    for pod in pods(project):
        for variable in pod["containers"][0].get("env", ()):
            assert "secretKeyRef" in variable.get("valueFrom", {}) or "token" not in variable["name"].lower()
    for receiver in read(project, "alertmanager.yml")["receivers"]:
        for config in receiver["slack_configs"]:
            assert config["api_url_file"].startswith("/run/secrets/")
            assert "api_url" not in config
    for _, rest in (step for steps in stages(project).values() for step in steps if step[0] in ("ENV", "ARG")):
        assert not any(word in rest.lower() for word in NAMES)


def test_the_image_sees_nothing_that_git_ignores(project: Path) -> None:
    written = (project / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept_out = {line.removeprefix("**/") for line in written if not line.startswith("#")}
    ignored = (project / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {line.strip("/") for line in ignored if line and not line.startswith("#")} == kept_out


def test_every_file_that_is_copied_or_mounted_is_there(project: Path) -> None:
    for steps in stages(project).values():
        for instruction, rest in steps:
            if instruction == "COPY" and not rest.startswith("--from"):
                for name in rest.split()[:-1]:
                    assert (project / name).exists() or name == "uv.lock", name
    for service in services(project).values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (project / "deploy" / source).exists(), volume
            else:
                assert source in read(project, "compose.yaml")["volumes"]
        if "build" in service:
            assert service["build"]["target"] in stages(project)
            assert (project / "deploy" / service["build"]["context"] / service["build"]["dockerfile"]).is_file()


def test_what_runs_is_a_command_of_the_project(project: Path) -> None:
    run = [container["args"][0] for pod in pods(project) for container in pod["containers"]]
    run += [json.loads(rest)[0] for name in ("jobs", "server") for kind, rest in stages(project)[name] if kind == "CMD"]
    assert sorted(run) == ["data", "monitor", "monitor", "retrain", "serve", "serve"]
    assert set(run) <= set(Project(project).commands)
    script = json.loads(dict(stages(project)["server"])["ENTRYPOINT"])[0].rsplit("/", 1)[1]
    assert f'\n{script} = "' in (project / "engine" / "pyproject.toml").read_text(encoding="utf-8")
    probes = re.findall(r"path: (/[\w/]+)", (project / "deploy/kubernetes/deployment.yaml").read_text(encoding="utf-8"))
    app = project / "engine" / "src" / "mlteam" / "serving" / "app.py"
    assert set(probes) <= set(re.findall(r'@app\.get\("([^"]+)"', app.read_text(encoding="utf-8")))


def test_the_parts_of_monitoring_find_each_other(project: Path) -> None:
    known = {f"{name}:{port.split(':')[-1]}" for name, s in services(project).items() for port in s.get("ports", ())}
    prometheus = read(project, "prometheus.yml")
    (scraped,) = prometheus["scrape_configs"]
    (managers,) = prometheus["alerting"]["alertmanagers"]
    (source,) = read(project, "grafana/datasource.yml")["datasources"]
    targets = [*scraped["static_configs"][0]["targets"], *managers["static_configs"][0]["targets"]]
    assert {*targets, source["url"].removeprefix("http://")} <= known
    rules = (project / "monitoring" / "alerts.yml").read_text(encoding="utf-8")
    assert f'up{{job="{scraped["job_name"]}"}}' in rules
    assert [(project / "deploy" / name).resolve() for name in prometheus["rule_files"]] == [
        (project / "monitoring" / "alerts.yml").resolve()
    ]
    board = json.loads((project / "monitoring" / "dashboard.json").read_text(encoding="utf-8"))
    assert len(board["panels"]) >= 8
    assert {panel["datasource"]["uid"] for panel in board["panels"]} == {source["uid"]}
    alerts = re.findall(r"- alert: (\w+)", rules)
    for rule in read(project, "alertmanager.yml")["inhibit_rules"]:
        named = re.findall(r"\w+(?=[|\"])", "".join(rule["source_matchers"] + rule["target_matchers"]))
        assert named
        assert set(named) <= set(alerts)


def test_every_object_of_kubernetes_can_have_its_name(project: Path) -> None:
    found = list(manifests(project))
    spaces = {manifest["metadata"].get("namespace") for manifest in found if manifest["kind"] != "Namespace"}
    assert spaces == {project.name} == {m["metadata"]["name"] for m in found if m["kind"] == "Namespace"}
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", m["metadata"]["name"]) for m in found)
    kinds = {manifest["kind"] for manifest in found}
    wanted = ["Deployment", "Service", "HorizontalPodAutoscaler", "NetworkPolicy", "PodDisruptionBudget", "CronJob"]
    assert set(wanted) <= kinds
