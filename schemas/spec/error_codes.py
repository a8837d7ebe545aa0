"""The codes of errors that ``retry_on`` may name. ``docs/reference/workflows.md`` has the same list."""

import re

_HTTP_STATUS = re.compile(r"http_[1-5]\d\d")

#: A policy, or a person whom it asks, says no; and no policy can decide.
POLICY_DENIED = "policy_denied"
POLICY_FAILED = "policy_failed"
#: A text holds what a policy refuses; and it could not be looked at, or the vault is down.
PRIVACY_REFUSED = "privacy_refused"
PRIVACY_FAILED = "privacy_failed"
#: A quarantined node would be asked with a version of its prompt whose schema has room for free text.
QUARANTINE_OPEN = "quarantine_open"
#: The step needs data of a subject whose key is destroyed.
SUBJECT_ERASED = "subject_erased"
#: A worker that writes to the log itself did not seal for the run's subject, or did not redact as its policy says.
UNSEALED_OUTCOME = "unsealed_outcome"
UNREDACTED_OUTCOME = "unredacted_outcome"
#: A worker that writes to the log itself gave what a policy has rules for, and nobody has applied them.
UNJUDGED_OUTCOME = "unjudged_outcome"
#: Codes of attempts that workers make, of all kinds of nodes.
_ATTEMPTS = frozenset(
    {"bad_arguments", "bad_config", "bad_output", "bad_request", "canceled", "dead_letter", "exception", "internal"}
    | {"memory_exceeded", "missing_object", "missing_output", "not_importable", "not_started", "outcome_unknown"}
    | {
        "poison",
        POLICY_DENIED,
        POLICY_FAILED,
        PRIVACY_FAILED,
        PRIVACY_REFUSED,
        "process_died",
        "rejected",
        SUBJECT_ERASED,
        "timeout",
        "unavailable",
        "unknown_function",
        "unknown_tool",
        "unsupported",
    }
)
_MODELS = frozenset(
    {
        "budget_exceeded",
        "call_settled",
        "calls_stopped",
        "content_filtered",
        "context_too_long",
        "guard_failed",
        "guard_refused",
        "no_text",
        "provider_no_credit",
        "quota_exceeded",
    }
    | {"bad_template", "invalid_output", "invalid_prompt_input"}
    | {"missing_variable", "unsupported_parameter", "no_route", "provider_auth", "no_credentials"}
    | {"credentials_unreadable"}
    | {"batch_canceled", "batch_expired", "batch_lost", "batch_refused", "batch_unavailable"}
    | {"provider_error", "provider_rejected", "provider_timeout", "provider_unavailable", "rate_limited"}
    | {"run_budget_exceeded", "unknown_provider", "unpriced_model"}
)
_TOOLS = frozenset(
    {"bad_certificate", "bad_key", "forbidden_address", "forbidden_host", "forbidden_path", "not_an_image", "not_found"}
    | {"not_text", "too_large", "too_many_redirects", "unknown_bucket", "unreachable"}
    | {"secret_unreadable", "secrets_unavailable", "unknown_secret", "forbidden_topic", "unknown_topic"}
    | {"mcp_disabled", "mcp_error", "mcp_not_pinned", "mcp_protocol", "mcp_refused", "mcp_tool_changed"}
    | {"mcp_tool_failed", "mcp_unreachable", "unknown_mcp_server"}
)
#: Codes of steps that the orchestrator fails by itself.
_STEPS = frozenset(
    {"all_children_failed", "bad_input", "bad_time", "child_canceled", "child_failed", "child_output_too_large"}
    | {"condition_unreadable", "deadline_exceeded", "failed", "input_missing", "input_too_large", "item_too_large"}
    | {"loop_exhausted", "max_cost", "max_turns", "not_a_list", "reference_missing", "signal_timeout", "too_many_calls"}
    | {"too_many_items", QUARANTINE_OPEN, UNJUDGED_OUTCOME, UNREDACTED_OUTCOME, UNSEALED_OUTCOME}
)
CODES = _ATTEMPTS | _MODELS | _TOOLS | _STEPS


def is_known(code: str) -> bool:
    """Return true for a code that AgentFlow itself gives to errors, ``http_404`` and its like included."""
    return code in CODES or _HTTP_STATUS.fullmatch(code) is not None
