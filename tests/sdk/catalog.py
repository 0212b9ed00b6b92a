"""The catalog that the SDK tests run on: each model once for each dialect a provider may speak.

A model is `LETTER/NAME`, the letter that of its provider's dialect (o: OpenAI's, a: Anthropic's,
g: Gemini's). A model id upstream that begins with `fault/` is a list of wishes to the simulator.
Every class of tokens has a price of its own, so that none can pass for another.
"""

import pathlib

HERE = pathlib.Path(__file__).resolve().parent
LETTERS = "oag"

MODEL = """
[[model]]
id = "{letter}/{name}"
name = "{title}"
kind = "chat"
context = 1000000
max_output = 8192
input_modalities = ["text", "image", "file"]
output_modalities = ["text"]
parameters = ["tools", "tool_choice", "response_format", "structured_outputs", "reasoning", "seed"]
  [[model.endpoint]]
  provider = "speaks-{letter}"
  model = "{upstream}"
  [model.endpoint.price]
  input = "1.25"
  cache_read = "0.125"
  cache_write = "1.5"
  cache_write_1h = "2.5"
  output = "10.00"
  reasoning = "11.00"
"""

# Name, title, and the id upstream.
SHOWN = "fault/first-byte:0+rate:0+reasoning-text+usage-repeats"
EACH = [
    ("chat", "Answers at once, and shows its thoughts", SHOWN),
    ("cached", "Reads half of its prompt from a cache", "fault/first-byte:0+rate:0+cached"),
    ("slow", "Fifty tokens a second, for ten seconds", "fault/first-byte:0+rate:50+tokens:500"),
    ("down", "Always a 500", "fault/status:500"),
    ("cut", "Dies in the middle of its answer", "fault/first-byte:0+rate:0+cut"),
]
# Models whose generation decides how they are asked.
NAMED = [
    ("a", "claude-sonnet-4-6", "Thinks as much as it finds right"),
    ("g", "gemini-3-pro-preview", "Thinks by levels, and signs its calls"),
]


def text(sandbox):
    """The whole catalog, for a simulator at this address."""
    rows = [(letter, *row) for letter in LETTERS for row in EACH]
    rows += [(letter, name, title, name) for letter, name, title in NAMED]
    names = ("letter", "name", "title", "upstream")
    models = [MODEL.format(**dict(zip(names, row))) for row in rows]
    providers = (HERE / "providers.toml").read_text().replace("SANDBOX", sandbox)
    return providers + "".join(models)
