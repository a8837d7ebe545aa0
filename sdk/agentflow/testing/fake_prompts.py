"""Prompts of the fake API: versions by number and label, with the parts that they include. No template is parsed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from agentflow import prompt_rules as rules
from agentflow.prompt_rules import InvalidSpec as InvalidPrompt

__all__ = ["FakePrompts", "InvalidPrompt"]


class FakePrompts:
    """Versions of prompts as the API answers them. The same content again is the same version."""

    def __init__(self) -> None:
        self._versions: dict[str, dict[int, dict[str, Any]]] = {}
        self._labels: dict[str, dict[str, int]] = {}

    def create(self, body: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
        """Store a version, and return it, and true if it is new. Raises ``InvalidPrompt``."""
        prompt = rules.checked(body)
        versions = self._versions.setdefault(prompt.name, {})
        refs, parts = self._composed(prompt)
        form = rules.form_of(prompt, refs, parts)
        made = rules.hash_of(prompt, form)
        same = next((n for n, one in versions.items() if one["hash"] == made), None)
        wanted = prompt.version or same or len(versions) + 1
        is_new = wanted not in versions or versions[wanted]["hash"] != made
        if is_new:
            said = form.model_dump(mode="json", exclude_defaults=True) or None
            versions[wanted] = {**_answer(prompt, wanted), "hash": made, "form": said}
        self._labels.setdefault(prompt.name, {}).update(dict.fromkeys(prompt.labels, wanted))
        return self._shown(prompt.name, wanted), is_new

    def entries(self) -> list[dict[str, Any]]:
        """Return the newest version of each, as lists show it."""
        return [
            {**self._shown(name, max(versions)), "versions": len(versions), "labels": self._labels[name]}
            for name, versions in sorted(self._versions.items())
        ]

    def find(self, name: str, version: str | None = None, label: str | None = None) -> dict[str, Any] | None:
        """Return a version, by its number, by a label, or the newest."""
        versions, labels = self._versions.get(name, {}), self._labels.get(name, {})
        wanted = int(version) if version else labels.get(label) if label else max(versions, default=0)
        return self._shown(name, wanted) if wanted in versions else None

    def move_label(self, name: str, label: str, version: int) -> dict[str, Any] | None:
        """Let a label name a version, and return what the API says of it; ``None`` without such a version."""
        if version not in self._versions.get(name, {}):
            return None
        self._labels[name][label] = version
        said = {"name": name, "label": label, "version": version, "revision": 1}
        return {**said, "moved_by": "key", "moved_at": _now()}

    def given(self) -> dict[str, dict[str, Any]] | None:
        """Return the versions by name, by name and version, and by name and label.

        Without any prompt it is ``None``: those that documents name are taken to exist.
        """
        found: dict[str, dict[str, Any]] = {}
        for name, versions in self._versions.items():
            found |= {f"{name}@{n}": one for n, one in versions.items()}
            found |= {f"{name}@{label}": versions[n] for label, n in self._labels[name].items()}
            found[name] = versions[max(versions)]
        return found or None

    def _composed(self, prompt: rules.CreatePrompt) -> tuple[dict[str, str], dict[str, Any]]:
        """Return what the references to parts mean now, and the parts with all that they include."""
        refs: dict[str, str] = {}
        parts: dict[str, Any] = {}
        for part in rules.parts_of(prompt):
            number = part.which if part.which.isdecimal() else None
            found = self.find(part.name, number, None if number else part.which or None)
            if found is None:
                problem = rules.Problem("template", f"there is no prompt {part.ref}", "create it first")
                raise InvalidPrompt((problem,))
            form = found["form"] or {}
            refs[part.ref] = found["id"]
            parts |= form.get("parts", {})
            parts[found["id"]] = {"template": found["template"], "refs": form.get("refs", {})}
        return refs, parts

    def _shown(self, name: str, version: int) -> dict[str, Any]:
        labels = [label for label, named in self._labels.get(name, {}).items() if named == version]
        return {**self._versions[name][version], "labels": labels}


def _answer(prompt: rules.CreatePrompt, version: int) -> dict[str, Any]:
    said = {"id": f"{prompt.name}@{version}", "name": prompt.name, "version": version}
    more = {"message": prompt.message, "parent": prompt.parent, "project": prompt.project, "created_at": _now()}
    return {**said, "template": prompt.template or "", "schema": prompt.variables, **more}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
