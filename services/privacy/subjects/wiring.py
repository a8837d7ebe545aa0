"""What a process needs for runs with a data subject: stored bytes that it can seal, and who may have a run."""

from connectors.objects.store import Objects
from services.privacy.subjects.personal import looks_personal
from services.privacy.subjects.ports import SubjectKeys
from services.privacy.subjects.sealed_objects import SubjectObjects
from services.privacy.subjects.submission import SubjectRuns


def sealing_objects(objects: Objects, keys: SubjectKeys | None) -> Objects:
    """Return stored bytes that are sealed for data subjects where there are keys."""
    return objects if keys is None else SubjectObjects(objects, keys)


def subject_runs(objects: Objects, keys: SubjectKeys | None) -> SubjectRuns | None:
    """Return what prepares runs with a data subject; ``None`` where nothing could be sealed."""
    return None if keys is None else SubjectRuns(objects, keys, looks_personal)
