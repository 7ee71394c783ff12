"""The OpenAPI 3.1 description of the HTTP API, made from the endpoints themselves."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from kyc_rtc import __version__
from signaling import openapi_texts as texts
from signaling.endpoints import Endpoint
from signaling.event_stream import EVENT_STREAM
from signaling.idempotency import HEADER, MAX_KEY_LENGTH
from signaling.principals import Access
from signaling.schemas import ErrorAnswer

_SCHEMAS = "#/components/schemas/{model}"
_JSON = "application/json"
_PERSON: list[dict[str, list[str]]] = [{"oidc": []}, {"login": []}]
_KEY: list[dict[str, list[str]]] = [{"apiKey": []}, {"apiKeyAsBearer": []}, *_PERSON]
_CLIENT: list[dict[str, list[str]]] = [{"clientToken": []}]
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.ANYONE: [],
    Access.APPLICANT: _CLIENT,
    Access.LINK: [{"linkToken": []}],
    Access.INSTITUTION: _KEY,
    Access.PERSON: _PERSON,
    Access.EITHER: _KEY + _CLIENT,
    Access.KNOWN: _KEY + _CLIENT,
}
_WITH_SCOPE = (Access.INSTITUTION, Access.EITHER, Access.KNOWN)
_OF_PEOPLE = re.compile(r"/(?:login|logout|api/v1/me)\b")


class _Untitled(GenerateJsonSchema):
    """Components have titles; their fields have a name and a description, which is enough."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - pydantic's own
        return False


def describe(endpoints: tuple[Endpoint, ...], public_url: str = "") -> dict[str, Any]:
    """The whole document. `public_url`: where the server is reached; empty: where the document came from."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    used = {_tag(endpoint) for endpoint in endpoints}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kyc-rtc",
            "version": __version__,
            "description": texts.ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url.rstrip("/") or "/"}],
        "tags": [{"name": n, "description": d} for n, d in texts.TAGS.items() if n in used],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "headers": texts.HEADERS,
            "securitySchemes": texts.SECURITY_SCHEMES,
        },
    }


def _schemas(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    answers = {e.answer for e in endpoints if e.answer is not None} | {ErrorAnswer}
    bodies = {e.body for e in endpoints if e.body is not None}
    _, document = models_json_schema(
        [*_in_mode(answers, "serialization"), *_in_mode(bodies, "validation")],
        ref_template=_SCHEMAS,
        schema_generator=_Untitled,
    )
    schemas: dict[str, Any] = document["$defs"]
    return schemas


def _in_mode(
    models: Iterable[type[BaseModel]], mode: JsonSchemaMode
) -> list[tuple[type[BaseModel], JsonSchemaMode]]:
    return [(model, mode) for model in sorted(models, key=lambda model: model.__name__)]


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}_{re.sub('[^a-z0-9]+', '_', endpoint.path).strip('_')}",
        "summary": endpoint.summary,
        "description": _description(endpoint),
        "tags": [_tag(endpoint)],
        "security": _SECURITY[endpoint.access],
        "responses": {
            **{
                str(status): _done(endpoint, status)
                for status in (endpoint.status, endpoint.other_status)
                if status is not None
            },
            **{str(status): _problem(endpoint, status) for status in endpoint.all_problems},
        },
    }
    if endpoint.access in _WITH_SCOPE:
        operation["x-required-scope"] = endpoint.scope.value
    parameters = [
        *(_parameter(name, "path") for name in re.findall(r"{(\w+)}", endpoint.path)),
        *(_parameter(name, "query") for name in endpoint.query),
        *(_optional_parameters(endpoint.optional_query) if endpoint.optional_query else ()),
        *([_idempotency_key()] if endpoint.idempotent else []),
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(endpoint.body)}
    elif endpoint.consumes:
        operation["requestBody"] = {"required": True, "content": _text(endpoint.consumes)}
    return operation


def _tag(endpoint: Endpoint) -> str:
    if endpoint.path.startswith("/whip/"):
        return "whip"
    if _OF_PEOPLE.match(endpoint.path):
        return "people"
    if endpoint.access is Access.ANYONE:
        return "health"
    if endpoint.access is Access.INSTITUTION:
        return endpoint.scope.value.partition(":")[0]
    return "applicant"


def _description(endpoint: Endpoint) -> str:
    sentences = [texts.WHO[endpoint.access].format(scope=endpoint.scope.value)]
    if endpoint.after_end:
        sentences.append("Also when the attempt is over.")
    if endpoint.creates:
        sentences.append("Limited in rate.")
    return " ".join(sentences)


def _done(endpoint: Endpoint, status: int) -> dict[str, Any]:
    text = "Done" if status == endpoint.status else "Not ready; the body says why"
    done: dict[str, Any] = {"description": text}
    if endpoint.answer is not None:
        done["content"] = _json(endpoint.answer)
    elif endpoint.produces:
        done["content"] = _text(endpoint.produces)
    return done | _headers(endpoint.headers)


def _problem(endpoint: Endpoint, status: int) -> dict[str, Any]:
    whip = texts.WHIP_PROBLEMS if endpoint.path.startswith("/whip/") else {}
    return {
        "description": whip.get(status) or texts.PROBLEMS[status],
        "content": _json(ErrorAnswer),
    } | _headers(texts.PROBLEM_HEADERS.get(status, ()))


def _headers(names: Iterable[str]) -> dict[str, Any]:
    found = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"headers": found} if found else {}


def _parameter(name: str, where: str, *, required: bool = True) -> dict[str, Any]:
    parameter = {"name": name, "in": where, "required": required, "schema": {"type": "string"}}
    return parameter | ({"description": texts.IDS[name]} if name in texts.IDS else {})


def _idempotency_key() -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": "^[!-~]+$"}
    parameter = _parameter(HEADER, "header", required=False)
    return parameter | {"schema": schema, "description": texts.IDEMPOTENCY_KEY}


def _optional_parameters(model: type[BaseModel]) -> list[dict[str, Any]]:
    """The fields of a query string. None of them can be null: what is null there is absent here."""
    document = model.model_json_schema()
    parameters = []
    for name, schema in document["properties"].items():
        kinds = [kind for kind in schema.pop("anyOf", [schema]) if kind.get("type") != "null"]
        kind = kinds[0]
        if "$ref" in kind:
            kind = document["$defs"][kind["$ref"].rsplit("/", 1)[-1]]
        parameter = _parameter(name, "query", required=False)
        parameter["schema"] = {key: kind[key] for key in kind.keys() - {"title", "description"}}
        if "description" in schema:
            parameter["description"] = schema["description"]
        parameters.append(parameter)
    return parameters


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {_JSON: {"schema": {"$ref": _SCHEMAS.format(model=model.__name__)}}}


def _text(kind: str) -> dict[str, Any]:
    """Of a stream of events nothing is said: OpenAPI 3.1 has no words for what is in each of them."""
    return {kind: {} if kind == EVENT_STREAM else {"schema": {"type": "string"}}}
