"""Flow control of a workflow: how many of its runs may be active for one key, how often one may start, and which of
several that come in quick succession is made.

A key is a CEL expression over the submission, see ``schemas.spec.flow_keys``. A rule without one has one key for all
runs of the workflow. The rules are applied by ``streams.core.admissions.flow``.
"""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

#: A key is one condition's length at most; all runs of a key share an entry of the table.
MAX_KEY_CHARS = 500
#: Each rule is one more line to wait in.
MAX_RULES = 4
MAX_LIMIT = 10_000
#: The runs of such a key are kept in one entry, oldest first.
MAX_CANCEL_OLDEST = 100
#: A rate is kept as the times of its last starts.
MAX_PERIOD_MS = 7 * 86_400_000

#: The codes of runs that flow control ends.
FLOW_ENDS = frozenset({"debounced", "superseded", "concurrency_exceeded", "rate_exceeded"})

OnExcess = Literal["queue", "cancel_oldest", "reject"]
"""What becomes of a run beyond the limit of its key: it waits, the oldest of the key is canceled for it, or it ends."""


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str | None = Field(default=None, min_length=1, max_length=MAX_KEY_CHARS)


class ConcurrencyRule(_Rule):
    """At most ``limit`` runs of one key are active at once, from their admission to their end."""

    limit: int = Field(ge=1, le=MAX_LIMIT)
    on_excess: OnExcess = "queue"

    @model_validator(mode="after")
    def _few_to_cancel(self) -> Self:
        if self.on_excess == "cancel_oldest" and self.limit > MAX_CANCEL_OLDEST:
            raise ValueError(
                f"`cancel_oldest` keeps at most {MAX_CANCEL_OLDEST} runs of a key; write a lower `limit`, or `queue`"
            )
        return self


class RateRule(_Rule):
    """At most ``limit`` runs of one key start in any ``per_ms`` milliseconds."""

    limit: int = Field(ge=1, le=MAX_LIMIT)
    per_ms: int = Field(ge=1, le=MAX_PERIOD_MS)
    on_excess: Literal["queue", "reject"] = "queue"


class DebounceRule(_Rule):
    """A run waits until no other of its key has come for ``period_ms``; the newest is made, the others are canceled.

    It starts ``max_wait_ms`` after the first of them at the latest.
    """

    period_ms: int = Field(ge=1, le=MAX_PERIOD_MS)
    max_wait_ms: int | None = Field(default=None, ge=1, le=MAX_PERIOD_MS)

    @model_validator(mode="after")
    def _wait_holds_a_period(self) -> Self:
        if self.max_wait_ms is not None and self.max_wait_ms < self.period_ms:
            raise ValueError("`max_wait_ms` is less than `period_ms`; write one that is at least as long")
        return self


class Flow(BaseModel):
    """The rules of a workflow. A run passes them in the order ``debounce``, ``concurrency``, ``rate``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    concurrency: list[ConcurrencyRule] = Field(default=[], max_length=MAX_RULES)
    rate: RateRule | None = None
    debounce: DebounceRule | None = None

    @model_validator(mode="after")
    def _has_rules(self) -> Self:
        if not self.concurrency and self.rate is None and self.debounce is None:
            raise ValueError("it has no rule; write `concurrency`, `rate` or `debounce`, or remove `flow`")
        return self

    @property
    def rules(self) -> list[tuple[str, ConcurrencyRule | RateRule | DebounceRule]]:
        """The rules with their paths inside of ``flow``, in the order of the document."""
        found: list[tuple[str, ConcurrencyRule | RateRule | DebounceRule]] = [
            (f"concurrency[{index}]", rule) for index, rule in enumerate(self.concurrency)
        ]
        found += [("rate", self.rate)] if self.rate is not None else []
        return [*found, ("debounce", self.debounce)] if self.debounce is not None else found

    @property
    def keys(self) -> list[str]:
        """The keys of its rules, as they are written."""
        return [rule.key for _, rule in self.rules if rule.key is not None]
