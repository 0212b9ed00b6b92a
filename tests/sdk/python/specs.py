"""OpenAI's and OpenRouter's own API documents, and answers held against them."""

import functools
import json
import pathlib
import urllib.error
import urllib.request

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SHARED = pathlib.Path(__file__).resolve().parents[3] / "../shared/spec"
FILES = {"openai": "openai-openapi.json", "openrouter": "openrouter-openapi.yaml"}
ERRORS_SHOWN = 5
# Members whose texts are of a list that the document has.
NAMES_A_KIND = {"type", "object", "role", "status", "finish_reason", "stop_reason", "code"}
# Members of messages that OpenRouter's document asks for and Anthropic does not always send.
LEFT_OUT = {
    "caller",
    "citations",
    "container",
    "inference_geo",
    "output_tokens_details",
    "server_tool_use",
    "service_tier",
    "stop_details",
}


@functools.cache
def document(name):
    """A whole document; tests of one that is not here are left out by its name."""
    path = SHARED / FILES[name]
    if not path.exists():
        pytest.skip(f"{FILES[name]} is not beside this tree")
    with path.open() as text:
        if path.suffix == ".json":
            return json.load(text, object_hook=nullable)
        found = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    # OpenRouter names the providers that it sells; an operator's are others.
    schemas = found["components"]["schemas"]
    del schemas["ProviderName"]["enum"]
    del schemas["ProviderResponse"]["properties"]["provider_name"]["enum"]
    for name, schema in schemas.items():
        if name.startswith(("Anthropic", "BaseMessages", "Messages")):
            leave_out(schema)
    return found


def leave_out(schema):
    """Asks no more for what Anthropic leaves out where there is nothing to say."""
    if isinstance(schema, list):
        for below in schema:
            leave_out(below)
    if isinstance(schema, dict):
        if isinstance(schema.get("required"), list):
            schema["required"] = [name for name in schema["required"] if name not in LEFT_OUT]
        for below in schema.values():
            leave_out(below)


def nullable(schema):
    """OpenAPI 3.0's way to allow null, which stands beside 3.1's in OpenAI's document."""
    if schema.pop("nullable", None) is True:
        return {"anyOf": [{"type": "null"}, schema]}
    return schema


@functools.cache
def registry(name):
    resource = Resource.from_contents(document(name), default_specification=DRAFT202012)
    return Registry().with_resource(f"urn:{name}", resource)


@functools.cache
def schema_of(name, method, path, status, kind):
    """Where a document says what an answer looks like."""
    document(name)["paths"][path][method]["responses"][status]["content"][kind]["schema"]
    steps = ["paths", path, method, "responses", status, "content", kind, "schema"]
    pointer = "/".join(step.replace("~", "~0").replace("/", "~1") for step in steps)
    wanted = {"$ref": f"urn:{name}#/{pointer}"}
    return Draft202012Validator(wanted, registry=registry(name))


@functools.cache
def named_schema(name, schema):
    document(name)["components"]["schemas"][schema]
    wanted = {"$ref": f"urn:{name}#/components/schemas/{schema}"}
    return Draft202012Validator(wanted, registry=registry(name))


def leaves(error):
    """The mistakes below an `anyOf`: of the branch that came closest."""
    if not error.context:
        return [f"{error.json_path}: {error.message[:300]}"]
    branches = {}
    for below in error.context:
        branches.setdefault(below.schema_path[0], []).append(below)
    closest = min(branches.values(), key=distance)
    return [leaf for below in closest for leaf in leaves(below)]


def distance(branch):
    """How far an answer is from a branch: another `type` is farthest."""
    is_other = any(list(error.relative_path) in (["type"], ["data", "type"]) for error in branch)
    return is_other, len(branch)


def assert_valid(validator, answer):
    found = [leaf for error in validator.iter_errors(answer) for leaf in leaves(error)]
    assert not found, "\n".join([*found[:ERRORS_SHOWN], json.dumps(answer)[:3000]])


def shape(value, key=None):
    """What a document can say of a value: two of one shape are both as documented, or neither."""
    if isinstance(value, dict):
        return tuple((name, shape(below, name)) for name, below in sorted(value.items()))
    if isinstance(value, list):
        return tuple(sorted({shape(below) for below in value}, key=repr))
    return value if key in NAMES_A_KIND else type(value).__name__


def ask(url, key=None, body=None, method=None):
    """The status, and the answer's JSON or the list of its stream's events."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    sent = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=sent, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, kind, text = answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        status, kind, text = error.code, error.headers["content-type"], error.read()
    if kind.startswith("text/event-stream"):
        lines = [line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")]
        return status, [json.loads(line) for line in lines if line != b"[DONE]"]
    return status, json.loads(text)
