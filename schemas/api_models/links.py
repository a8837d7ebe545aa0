"""Links between resources, as answers and errors name them."""

from schemas.api_models.base import Answer


class RunLinks(Answer):
    """Links to related resources, as paths."""

    self: str
    cancel: str
    steps: str
    events: str
    workflow: str
