"""Series of scores of a prompt's live answers, and their changes."""

from schemas.api_models.base import Answer


class QualityChange(Answer):
    """A certain change of a series: the means of the scores before and after it, and how many scores there were."""

    at: str | None
    before: float
    after: float
    scores: int
    run_id: str


class QualityReference(Answer):
    """How far the answers of a model are those of a reference, ``provider/model``.

    ``different`` of the ``pairs`` since that reference differ. ``e_value`` is the evidence that they differ more than
    by chance; from ``limit`` on it is certain, and ``diverged`` stays true until there is another reference.
    """

    reference: str
    pairs: int
    different: int
    e_value: float
    limit: float
    diverged: bool


class QualitySeries(Answer):
    """A series: of a scorer, by version, workflow or model, and of which one.

    ``scores`` counts all; ``window`` those since the last change, and ``mean`` is theirs. ``stability`` is the
    population stability index of the last 500 scores against the first 500; ``null`` until there are 1,000.
    ``reference`` is there for the scorer ``reference`` alone.
    """

    scorer: str
    by: str
    value: str
    scores: int
    window: int
    mean: float
    stability: float | None
    changes: list[QualityChange]
    reference: QualityReference | None = None
    newest_at: str | None


class QualityPage(Answer):
    """All series of a prompt."""

    prompt: str
    series: list[QualitySeries]


class QualityPoint(Answer):
    """The scores of one scorer in one minute, hour or day, of one version, workflow or model."""

    at: str | None
    scorer: str
    value: str
    scores: int
    mean: float
    deviation: float


class QualityPoints(Answer):
    """Points of a prompt's series since a time, the oldest first."""

    prompt: str
    by: str
    every: str
    since: str | None
    points: list[QualityPoint]
