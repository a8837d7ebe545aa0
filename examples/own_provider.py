"""A provider of one's own: the models of an Ollama server, by its native API.

    TOOLS=examples/own_provider.py make run

A node then says `provider: ollama` and `model: llama3.2`. The server's address is in OLLAMA_URL.
"""

import os

import httpx
from agentflow import GenerateRequest, GenerateResponse, ProviderError, provider

URL = os.environ.get("OLLAMA_URL", "http://127.0.0.1:11434")


# One's own machine costs something, too: US dollars per million tokens of input and of output.
@provider("ollama", models={"llama3.2": ("0.02", "0.06")}, takes=("system", "temperature", "stop"))
async def generate(request: GenerateRequest) -> GenerateResponse:
    options = {"num_predict": request.max_tokens, "temperature": request.temperature, "stop": list(request.stop)}
    body = {
        "model": request.model,
        "prompt": request.prompt,
        "system": request.system,
        "stream": False,
        "options": {name: value for name, value in options.items() if value not in (None, [])},
    }
    async with httpx.AsyncClient(base_url=URL, timeout=request.timeout_s) as client:
        try:
            answer = await client.post("/api/generate", json=body)
        except httpx.ConnectError as exc:
            raise ProviderError("provider_unavailable", f"no server at {URL}: {exc}") from exc
    if answer.status_code == 429:
        raise ProviderError("rate_limited", "too many requests", retry_after_ms=1000)
    if answer.status_code == 404:
        raise ProviderError("provider_rejected", f"no model {request.model}: ollama pull {request.model}")
    answer.raise_for_status()  # any other failure: the outcome is unknown, and the estimate is booked
    found = answer.json()
    return GenerateResponse(
        text=found["response"],
        input_tokens=found.get("prompt_eval_count"),
        output_tokens=found.get("eval_count"),
        finish_reason="length" if found.get("done_reason") == "length" else "stop",
    )
