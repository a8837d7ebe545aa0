"""``agentctl webhook``."""

import click

from agentflow.cli.api import at
from agentflow.cli.columns import Column
from agentflow.cli.lazy import OneOf
from agentflow.cli.options import command as make
from agentflow.cli.options import group, page_options
from agentflow.cli.paging import pages
from agentflow.cli.session import Session
from agentflow.cli.views.runs import ago

WEBHOOKS = "/api/v1/webhooks"
_LIST = (
    Column("ID", "id"),
    Column("URL", "url"),
    Column("EVENTS", "events", ",".join),
    Column("ENABLED", "enabled", lambda value: "yes" if value else "no"),
    Column("AGE", "created_at", ago, right=True),
    Column("DESCRIPTION", "description", wide=True),
    Column("DISABLED BECAUSE", "disabled_reason", wide=True),
    Column("OLD SECRET UNTIL", "old_secret_until", wide=True),
)
_SECRET = (*_LIST[:3], Column("SECRET", "secret"))
_DELIVERIES = (
    Column("NUMBER", "number", right=True),
    Column("TYPE", "event_type"),
    Column("STATE", "state"),
    Column("TRIES", "tries", right=True),
    Column("STATUS", "status", right=True),
    Column("AGE", "created_at", ago, right=True),
    Column("DUE", "due_at"),
    Column("ERROR", "error"),
    Column("EVENT", "event_id", wide=True),
)

command = group("webhook", "Send events to URLs, signed and retried for a day.")


@make(command, "create", changes=True, example="agentctl webhook create https://example.com/hooks --event 'run.*'")
@click.argument("url")
@click.option("--event", "events", multiple=True, help="A type of events, or a pattern of them; all without it.")
@click.option("--description", help="What it is for.")
def create(session: Session, *, url: str, events: tuple[str, ...], description: str | None) -> None:
    """Register URL, and show the secret of its signatures, this once."""
    body: dict[str, object] = {"url": url}
    body |= {"events": list(events)} if events else {}
    body |= {"description": description} if description else {}
    session.one(session.change("POST", WEBHOOKS, body), _SECRET)


@make(command, "list", watch=True)
def list_webhooks(session: Session) -> None:
    """List webhooks."""

    def show() -> None:
        found = session.get(WEBHOOKS)
        session.rows(found, found["webhooks"], _LIST)

    session.repeat(show)


@make(command, "show")
@click.argument("webhook")
def show_webhook(session: Session, webhook: str) -> None:
    """Show WEBHOOK."""
    session.one(session.get(at(WEBHOOKS, webhook)), _LIST)


@make(command, "change", changes=True)
@click.argument("webhook")
@click.option("--url", help="Where events are sent from now on.")
@click.option("--event", "events", multiple=True, help="A type of events, or a pattern of them; replaces all.")
@click.option("--description", help="What it is for.")
@click.option("--enable/--disable", "enabled", default=None, help="Send to it again, or nothing more for now.")
def change(
    session: Session,
    *,
    webhook: str,
    url: str | None,
    events: tuple[str, ...],
    description: str | None,
    enabled: bool | None,
) -> None:
    """Change WEBHOOK."""
    given = {"url": url, "events": list(events) or None, "description": description, "enabled": enabled}
    body = {name: value for name, value in given.items() if value is not None}
    session.one(session.change("PATCH", at(WEBHOOKS, webhook), body), _LIST)


@make(command, "rotate", changes=True)
@click.argument("webhook")
@click.option("--overlap", "overlap_s", type=click.IntRange(0, 7 * 86_400), default=86_400, show_default=True,
              help="For so many seconds requests are signed with both secrets.")  # fmt: skip
def rotate(session: Session, *, webhook: str, overlap_s: int) -> None:
    """Make a new secret for WEBHOOK, and show it, this once."""
    session.one(session.change("POST", at(WEBHOOKS, webhook, "rotate"), {"overlap_s": overlap_s}), _SECRET)


@make(command, "test", changes=True)
@click.argument("webhook")
def test(session: Session, webhook: str) -> None:
    """Send an event webhook.test to WEBHOOK; its deliveries say what became of it."""
    session.one(session.change("POST", at(WEBHOOKS, webhook, "test")), _DELIVERIES)


@make(command, "deliveries", watch=True)
@click.argument("webhook")
@click.option("--state", type=OneOf(("pending", "delivered", "dead")), help="Only those in this state.")
@page_options
def deliveries(session: Session, *, webhook: str, state: str | None, limit: int) -> None:
    """List the deliveries of WEBHOOK, newest first."""

    def show() -> None:
        found = list(pages(session, at(WEBHOOKS, webhook, "deliveries"), "deliveries", {"state": state}, limit))
        session.rows({"deliveries": found}, found, _DELIVERIES)

    session.repeat(show)


@make(command, "retry", changes=True)
@click.argument("webhook")
@click.argument("number")
def retry(session: Session, *, webhook: str, number: str) -> None:
    """Send delivery NUMBER of WEBHOOK again."""
    session.one(session.change("POST", at(WEBHOOKS, webhook, "deliveries", number, "retry")), _DELIVERIES)


@make(command, "delete", changes=True)
@click.argument("webhook")
def delete(session: Session, webhook: str) -> None:
    """Remove WEBHOOK with its deliveries."""
    session.change("DELETE", at(WEBHOOKS, webhook))
    session.note(f"webhook {webhook} is removed")
