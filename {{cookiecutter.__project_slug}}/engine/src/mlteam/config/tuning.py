"""What a pipeline file may say about where `tune` searches: `[tune.params]`."""

from typing import Any, Self

import pydantic
from pydantic import Field

from mlteam.config.settings import Settings

SYNTAX_HINT = 'say [from, to], [from, to, "log"], or { among = [one, other] }'
ParameterValue = bool | int | float | str


class SearchSpace(Settings):
    """Values that a parameter may take: a range, whole where both ends are, or some to choose among."""

    low: int | float = 0
    high: int | float = 0
    log: bool = False
    among: tuple[ParameterValue, ...] = ()

    @property
    def is_integer(self) -> bool:
        """Whether it is a range of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @classmethod
    def parse(cls, name: str, setting: Any) -> Self:
        """Return the value of a parameter's name.

        Raises:
            ValueError: It has none of the forms, or nothing lies between its ends.
        """
        match setting:
            case {"among": [_, _, *_] as values, **rest} if not rest and all(
                isinstance(v, ParameterValue) for v in values
            ):
                return cls(among=tuple(values))
            case [int() | float() as low, int() | float() as high, *scale] if scale in ([], ["log"]):
                if isinstance(low, bool) or isinstance(high, bool):
                    raise ValueError(f"{name}: {SYNTAX_HINT}")
                if not low < high < float("inf") or (scale and low <= 0):
                    raise ValueError(f"{name} runs from {low} to {high}{', log' if scale else ''}: nothing lies there")
                return cls(low=low, high=high, log=bool(scale))
        raise ValueError(f"{name}: {SYNTAX_HINT}")


class Tuning(Settings):
    """Where `tune` searches; `params` says for parameters of the model what they may be."""

    params: dict[str, Any] = Field(default_factory=dict)

    @property
    def spaces(self) -> dict[str, SearchSpace]:
        """Each parameter with the values that it may take."""
        return {name: SearchSpace.parse(name, setting) for name, setting in self.params.items()}

    @pydantic.model_validator(mode="after")
    def _can_be_read(self) -> Self:
        _ = self.spaces
        return self
