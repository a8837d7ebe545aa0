"""The installation's file of facts of providers: JSON or YAML, as an organisation states its own.

They stand between those that come along and those of organisations: a contract of the installation holds for all.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from schemas.compliance.facts import FactsDocument
from schemas.compliance.shipped import SHIPPED, with_installation
from schemas.errors import InvalidSpec
from schemas.spec.text.read import read_document
from schemas.values.fields import first_fault

VARIABLE = "PROVIDER_FACTS_FILE"


def load_facts(path: str) -> FactsDocument:
    """Return the facts that hold for every organisation; of an empty path those that come along.

    Raises ``ValueError``, which names the file and the setting, for one that cannot be read.
    """
    if not path:
        return SHIPPED
    try:
        text = Path(path).read_text("utf-8")
        document: Mapping[str, object] = read_document(text, fields="providers")
        return with_installation(FactsDocument.model_validate(document))
    except ValidationError as exc:
        raise ValueError(f"{path} ({VARIABLE}) has no facts of providers: {first_fault(exc)}") from exc
    except (OSError, UnicodeDecodeError, InvalidSpec) as exc:
        raise ValueError(f"{path} ({VARIABLE}) cannot be read: {exc}") from exc
