"""Reads what deploy/ declares: the services of Docker Compose and the objects of Kubernetes."""

import re

from mlteam.repository.command_lines import COMPOSE
from mlteam.repository.project import Project


def list_compose_services(project: Project) -> set[str]:
    """Return the services that deploy/compose.yaml declares."""
    block = re.search(r"^services:.*\n((?:(?:[ #].*)?\n)*)", project.read(COMPOSE) + "\n", re.MULTILINE)
    indent = re.search(r"^ +(?=[\w-])", block[1], re.MULTILINE) if block else None
    return set(re.findall(rf"^{indent[0]}([\w.-]+):", block[1], re.MULTILINE)) if block and indent else set()


def list_kubernetes_names(project: Project) -> set[str]:
    """Return the names of the objects that deploy/kubernetes/ declares."""
    manifests = "\n".join(project.read(file) for file in project.list_matching("deploy/kubernetes/*.yaml"))
    return set(re.findall(r"^ *metadata:\s+(?:\{ *)?name: ([\w-]+)", manifests, re.MULTILINE))
