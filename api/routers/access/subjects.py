"""Data subjects: what is known of a person, and that person's erasure."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from api.dependencies import Admin, Parts
from api.http.strict_json import StrictJsonRoute
from api.render import runs as render_runs
from api.routers.errors import errors
from api.services import Services
from schemas.api_models.base import MAX_PAGE, timestamp
from schemas.api_models.security.subjects import ErasureReceipt, SubjectAnswer
from schemas.errors import Unavailable
from schemas.values.fields import ASCII_INTEGER
from services.privacy.subjects.erasure import Eraser, Erasures
from services.privacy.vault.ports import CACHE_S

router = APIRouter(prefix="/api/v1/subjects", tags=["subjects"], route_class=StrictJsonRoute)

SubjectId = Annotated[
    str, Path(min_length=1, max_length=256, description="Your id of the person, as submissions give it in `subject`.")
]


@router.get("/{subject_id}", responses=errors())
async def get_subject(
    subject_id: SubjectId,
    who: Admin,
    parts: Parts,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE), ASCII_INTEGER] = 50,
    cursor: Annotated[str | None, Query(max_length=512, description="`next_cursor` of the previous page.")] = None,
) -> SubjectAnswer:
    """Return the pseudonym of a person, the state of that person's key, and runs, newest first."""
    found = await _erasures(parts).shown(who.org_id, subject_id, limit, cursor)
    return SubjectAnswer(
        subject=found.subject,
        key=found.key,
        erased_at=timestamp(found.erased_ms),
        runs=[render_runs.summary(run) for run in found.runs],
        next_cursor=found.next_cursor,
    )


@router.post("/{subject_id}/erase", responses=errors())
async def erase_subject(subject_id: SubjectId, who: Admin, parts: Parts) -> ErasureReceipt:
    """Destroy a person's key: what was sealed with it can never be read again, in any store or backup.

    It cannot be undone. Open runs are canceled. A repeat answers the same, and cancels runs that are open by then.
    """
    receipt = await _erasures(parts).erase(who.org_id, subject_id, Eraser(who.actor, who.key_id))
    return ErasureReceipt(
        subject=receipt.subject,
        erased_at=timestamp(receipt.erased_ms) or "",
        first=receipt.first,
        runs_canceled=receipt.canceled,
        audit_event=receipt.audit_event,
        in_force_within_s=CACHE_S,
    )


def _erasures(parts: Services) -> Erasures:
    if parts.runs.erasures is None:
        raise Unavailable("vault", "there are no keys of data subjects here; set VAULT_KEY")
    return parts.runs.erasures
