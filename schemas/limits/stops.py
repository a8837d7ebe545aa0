"""Emergency stops and pauses: no call of an organisation, workflow, provider or model is made while one is there."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

StopScope = Literal["org", "workflow", "provider", "model"]
StopMode = Literal["stop", "pause"]


class Stop(BaseModel):
    """A stop fails the calls that it names, a pause lets them wait. Calls that were made already are finished and paid.

    ``target`` names the workflow, provider or model.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    org_id: str
    scope: StopScope = "org"
    target: str | None = None
    mode: StopMode = "stop"
    reason: str

    @property
    def named(self) -> str:
        """What is stopped, as texts name it."""
        return "the organisation" if self.scope == "org" else f"{self.scope} {self.target}"

    def applies(self, workflow: str, provider: str, model: str) -> bool:
        """Return whether such a call is stopped."""
        if self.scope == "org":
            return True
        return {"workflow": workflow, "provider": provider, "model": model}[self.scope] == self.target

    def body(self) -> dict[str, Any]:
        """Return the stop as a definition carries it."""
        return self.model_dump(mode="json")
