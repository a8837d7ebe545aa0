"""Guards of a policy: what the answers of models must be, whatever their labels are."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.records.security.pinned import Mode
from schemas.values.json_schemas import BadSchema
from schemas.values.strict_schemas import check_strict

MAX_GUARDS = 50
MAX_WORDS = 1_000
#: A judge is a call of a model; every other guard has an answer at once.
JUDGE_MS, OTHERS_MS = 30_000, 2_000

Kind = Literal["max_length", "banned_words", "schema", "judge", "custom"]
_NEEDS: dict[Kind, str] = {
    "max_length": "chars",
    "banned_words": "words",
    "schema": "json_schema",
    "judge": "question",
    "custom": "uses",
}
_MAY: dict[Kind, frozenset[str]] = {
    "max_length": frozenset(),
    "banned_words": frozenset({"whole_words"}),
    "schema": frozenset(),
    "judge": frozenset({"provider", "model"}),
    "custom": frozenset({"options", "threshold", "window"}),
}
_COMMON = frozenset({"id", "kind", "mode", "workflows", "nodes", "timeout_ms"})
_Pattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:/*@-]{1,128}$")]


class GuardRule(BaseModel):
    """One guard. Each ``kind`` has fields of its own:

    - ``max_length``: an answer has ``chars`` characters at most;
    - ``banned_words``: it has none of ``words``, in any case; ``whole_words`` count between word boundaries only;
    - ``schema``: it is JSON that follows ``json_schema``;
    - ``judge``: a model (``provider``, ``model``) says of it that it does what ``question`` demands;
    - ``custom``: the function of the entry point ``uses`` gives it a score of ``threshold`` or more. With a ``window``
      it is asked each time that so many characters have come, else once, about the whole.

    ``workflows`` and ``nodes`` are patterns; without any the guard counts for all. One that has no answer after
    ``timeout_ms``, or fails, lets nothing pass. In shadow mode it is recorded and changes nothing.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_./-]{0,99}$")]
    kind: Kind
    mode: Mode = "enforce"
    workflows: tuple[_Pattern, ...] = Field((), strict=False)
    nodes: tuple[_Pattern, ...] = Field((), strict=False)
    timeout_ms: Annotated[int, Field(ge=1, le=120_000)] | None = None
    chars: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    words: tuple[Annotated[str, Field(min_length=1, max_length=100)], ...] = Field(
        (), max_length=MAX_WORDS, strict=False
    )
    whole_words: bool = True
    json_schema: dict[str, Any] | None = None
    question: Annotated[str, Field(max_length=4_000)] = ""
    provider: str | None = None
    model: str | None = None
    uses: Annotated[str, Field(max_length=128)] = ""
    options: dict[str, Any] = {}
    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    window: Annotated[int, Field(ge=1, le=65_536)] | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        needed = _NEEDS[self.kind]
        given = self.model_fields_set - _COMMON
        if not getattr(self, needed):
            raise ValueError(f"a guard of kind {self.kind} needs `{needed}`")
        if other := sorted(given - {needed} - _MAY[self.kind]):
            raise ValueError(f"a guard of kind {self.kind} has no `{other[0]}`")
        if self.json_schema is not None:
            try:
                check_strict(self.json_schema)
            except BadSchema as exc:
                raise ValueError(f"`json_schema` is no JSON schema: {exc}") from exc
        return self

    @property
    def limit_s(self) -> float:
        """How long it may take, in seconds."""
        return (self.timeout_ms or (JUDGE_MS if self.kind == "judge" else OTHERS_MS)) / 1000
