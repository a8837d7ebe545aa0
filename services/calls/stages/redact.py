"""Before step 3, after a policy has decided: what the policy takes out of texts that a provider reads.

Only here is all of it together: prompt, system's text, messages, results of tools. What comes after this stage (the
cache's key, the request, what is captured of it) has what is left.
"""

from msgspec import structs

from services.calls.call import Answer, Call, Proceed


class Redact:
    """Redacts a call's content. Raises a ``StepError``: ``privacy_refused``, or ``privacy_failed``."""

    async def __call__(self, call: Call, proceed: Proceed) -> Answer:
        if call.private is None:
            return await proceed(call)
        content = await call.private.content(call.content, call.ledger, "/".join(call.route).strip("/"))
        return await proceed(call if content is call.content else structs.replace(call, content=content))
