"""What the tests ask about: the same picture, document, tools and type for every SDK."""

import base64

from pydantic import BaseModel

PIXEL_BASE64 = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
PIXEL = base64.b64decode(PIXEL_BASE64)
# The smallest file that calls itself a PDF; nobody opens it here.
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
PDF_BASE64 = base64.b64encode(PDF).decode()
# What a picture and a document count for the simulator, however they look.
PIXEL_TOKENS, PDF_TOKENS = 256, 512

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
# Name, description, arguments.
TOOLS = [
    ("get_weather", "The weather in a city", CITY),
    ("get_time", "The time of day in a city", CITY),
]
SCRIPTS = "naïve 東京 🙂 \" \\ \u2028 שלום"


class City(BaseModel):
    name: str
    inhabitants: int
    rivers: list[str]
