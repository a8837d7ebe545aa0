"""Stored bytes that a process can seal for data subjects and open."""

from connectors.objects.store import Objects
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.sealed_objects import SubjectObjects


def sealing_objects(objects: Objects, keys: SubjectKeys | None) -> Objects:
    """Return stored bytes that are sealed for data subjects where there are keys."""
    return objects if keys is None else SubjectObjects(objects, keys)
