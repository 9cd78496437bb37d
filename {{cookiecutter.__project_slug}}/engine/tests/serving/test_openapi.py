"""What the API's description promises, tried with requests that it allows and with requests that it forbids."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from launched import launched
from schemathesis import GenerationMode
from schemathesis.schemas import BaseSchema

from mlteam.serving.app import create_app
from mlteam.serving.service import Service

ROUTES = {
    "/predict": "post",
    "/explain": "post",
    "/version": "get",
    "/health/live": "get",
    "/health/ready": "get",
    "/metrics": "get",
}


TRIED = [
    (path, mode)
    for path, method in ROUTES.items()
    for mode in GenerationMode
    if method == "post" or mode is GenerationMode.POSITIVE
]


REJECTED = {"expected-statuses": ["400", "413", "422"]}


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    """The description of a service that answers in this process."""
    with launched(tmp_path_factory.mktemp("described")), pytest.MonkeyPatch.context() as patched:
        service = Service("flights")
        service.reload_if_changed()
        patched.setattr("mlteam.serving.app.Service", lambda _: service)
        patched.setenv("MODEL_PIPELINE", "flights")
        app = create_app()

        async def http_only(scope: Any, receive: Any, send: Any) -> None:
            # Nothing is launched here, so nobody need follow what is launched, now or after the test.
            if scope["type"] == "http":
                await app(scope, receive, send)

        config = schemathesis.Config.from_dict({"checks": {"negative_data_rejection": REJECTED}})
        yield schemathesis.openapi.from_asgi("/openapi.json", http_only, config=config)
        assert service.log
        service.log.close()


def test_every_route_is_described(described: BaseSchema) -> None:
    assert set(described) == set(ROUTES)


@pytest.mark.parametrize(("path", "mode"), TRIED)
def test_every_answer_is_one_that_the_description_promises(
    described: BaseSchema, path: str, mode: GenerationMode
) -> None:
    route = described[path][ROUTES[path]]

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(case=route.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        case.call_and_validate()

    ask()
