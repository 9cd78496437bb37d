"""What the user asked for, and what was decided about each column of the table."""

import datetime as dt
import re
from dataclasses import dataclass, field

from mlteam.config.spec import Task
from mlteam.onboarding.columns import SourceColumn
from mlteam.onboarding.joins import JoinedTable

# Titanic: 1,316 rows, 14 of them different. Where numbers differ, equal rows are more likely the same thing twice.
MAX_ALIKE_SHARE = 0.05
KEY_PATTERN = re.compile(r"(^|_)(id|key|uuid|number|nr|no|code|index)$")


@dataclass(frozen=True)
class OnboardingRequest:
    """What the user asked for, in the words of the command line; None where nothing was said."""

    name: str
    label: str
    time: str | None = None
    group: str | None = None
    key: tuple[str, ...] = ()
    task: str = "auto"
    drop: tuple[str, ...] = ()
    allow_leak: tuple[str, ...] = ()
    drop_undated: bool = False
    keep: tuple[str, ...] = ()
    hide: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    redo: bool = False
    target: str | None = None


@dataclass
class Plan:
    """The decisions.

    Attributes:
        typed: The relation of the typed rows, with the features that were made of dates.
        key_parts: Columns that are unique only together.
        repeated_rows: How many rows are like another one; of tables without a key.
        derived: Features that SQL makes of dates; their `raw` is the clean name of the date.
        exclusion_reasons: Why a column is not a feature, by its name.
        strengths: How much of the label each feature explains by itself.
        joint_strength: How much they explain together.
        personal: Columns that look personal.
        protected: Columns about protected attributes, features or not.
        hidden: Those of them, and others, that are in the table and that the model does not see.
        joined: The tables that are joined to the rows; `columns` holds what they add.
        not_personal: Columns that look so and are used, since the user said so.
    """

    request: OnboardingRequest
    typed: str
    columns: list[SourceColumn]
    label: SourceColumn
    task: Task
    rows: int
    key: SourceColumn | None = None
    key_parts: list[SourceColumn] = field(default_factory=list)
    time: SourceColumn | None = None
    group: SourceColumn | None = None
    positive: str | None = None
    windows: list[dt.date] = field(default_factory=list)
    repeated_rows: int = 0
    categorical: list[SourceColumn] = field(default_factory=list)
    numeric: list[SourceColumn] = field(default_factory=list)
    exclusion_reasons: dict[str, str] = field(default_factory=dict)
    strengths: dict[str, float] = field(default_factory=dict)
    joint_strength: float = 0.0
    personal: list[str] = field(default_factory=list)
    not_personal: list[str] = field(default_factory=list)
    derived: list[SourceColumn] = field(default_factory=list)
    protected: list[SourceColumn] = field(default_factory=list)
    hidden: list[SourceColumn] = field(default_factory=list)
    joined: list[JoinedTable] = field(default_factory=list)

    @property
    def own_columns(self) -> list[SourceColumn]:
        """The columns of the rows themselves, as far as SQL can read them."""
        return [column for column in self.columns if column.kind != "other" and not column.table]

    @property
    def features(self) -> list[SourceColumn]:
        """Categorical features first, as in the pipeline file."""
        return self.categorical + self.numeric

    @property
    def splits_by_digest(self) -> bool:
        """Whether rows that are alike stay in one split; few different rows are different things that look alike."""
        return not (self.key or self.key_parts or self.group or self.windows) and (
            self.rows - self.repeated_rows > MAX_ALIKE_SHARE * self.rows
        )

    @property
    def incomplete(self) -> list[SourceColumn]:
        """The label and the time, as far as rows without them are left out."""
        return [column for column in (self.label, self.time) if column and column.missing]
