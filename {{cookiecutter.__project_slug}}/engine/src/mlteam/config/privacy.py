"""What `[privacy]` of a pipeline file declares."""

from typing import Self

import pydantic
from pydantic import Field

from mlteam.config.settings import Settings


class Privacy(Settings):
    """What `[privacy]` of a pipeline file declares.

    Attributes:
        identifiers: Columns that name a person; the rows must not hold them.
        quasi_identifiers: Columns that together could single a person out.
        sensitive: Columns that nobody should learn about a person.
        k: Minimum number of rows that share each combination of the quasi-identifiers.
        l: Minimum number of different values of each sensitive column in each combination.
        not_personal: Columns that look personal, were looked at, and are not.
        none_because: Why the rows touch no person, where no column is named.
    """

    identifiers: tuple[str, ...] = ()
    quasi_identifiers: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    k: int = Field(default=5, ge=2)
    l: int = Field(default=2, ge=1)  # noqa: E741
    not_personal: tuple[str, ...] = ()
    none_because: str = ""

    @pydantic.model_validator(mode="after")
    def _sensitive_needs_groups(self) -> Self:
        if self.sensitive and not self.quasi_identifiers:
            raise ValueError("sensitive columns are protected within groups: name quasi_identifiers")
        if self.none_because and (self.identifiers or self.quasi_identifiers):
            raise ValueError("none_because says that no column touches persons, and others are named")
        return self
