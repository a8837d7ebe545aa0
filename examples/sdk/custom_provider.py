"""A provider of your own (the guide's "Adding a Custom AI Provider").

    TOOLS=examples/sdk/custom_provider.py make run

A node then says `provider: custom` and `model: echo`.
"""

from agentflow import GenerateRequest, GenerateResponse, provider


@provider("custom", models={"echo": ("0.50", "0.50")})
class CustomProvider:
    """Answers each prompt with a text of its own."""

    async def generate(self, request: GenerateRequest) -> GenerateResponse:
        """Return the answer and what it used, from which the price follows."""
        text = f"Generated response to: {request.prompt}"
        return GenerateResponse(text=text, input_tokens=len(request.prompt.split()), output_tokens=len(text.split()))
