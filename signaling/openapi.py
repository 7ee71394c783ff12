"""The OpenAPI 3.1 description of the REST API, made from the endpoints themselves."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from kyc_rtc import __version__
from signaling.auth import Access
from signaling.endpoints import Endpoint
from signaling.idempotency import HEADER
from signaling.schemas import ErrorAnswer

_SCHEMAS = "#/components/schemas/{model}"
_SECURITY: dict[Access, list[dict[str, list[str]]]] = {
    Access.ANYONE: [],
    Access.APPLICANT: [{"clientToken": []}],
    Access.LINK: [{"linkToken": []}],
    Access.INSTITUTION: [{"apiKey": []}],
    Access.EITHER: [{"apiKey": []}, {"clientToken": []}],
    Access.KNOWN: [{"apiKey": []}, {"clientToken": []}],
}
_PROBLEMS = {
    400: "The request is malformed",
    401: "A credential is missing or not valid",
    403: "The credential belongs to another session",
    404: "There is no such thing",
    408: "The body did not come in time",
    409: "Not possible in the present state",
    413: "More bytes or pixels than accepted",
    415: "Another content type than accepted",
    421: "The session lives in another process; Retry-After says when to ask again",
    422: "The Idempotency-Key came with another request within the last 24 h",
    429: "Too many calls; Retry-After says when to come back",
    503: "At capacity, or the database is away; Retry-After says when to come back",
}

"""What any body can be answered with."""


def describe(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    """The whole document."""
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "kyc-rtc",
            "version": __version__,
            "description": "Video KYC with liveness and deepfake checks on the live WebRTC track.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "clientToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "linkToken": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _schemas(endpoints: tuple[Endpoint, ...]) -> dict[str, Any]:
    models: set[type[BaseModel]] = {ErrorAnswer}
    for endpoint in endpoints:
        models |= {model for model in (endpoint.answer, endpoint.body) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    _, document = models_json_schema(
        [(model, "validation") for model in ordered], ref_template=_SCHEMAS
    )
    schemas: dict[str, Any] = document["$defs"]
    return schemas


def _operation(endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"{endpoint.method.lower()}_{re.sub('[^a-z0-9]+', '_', endpoint.path).strip('_')}",
        "summary": endpoint.summary,
        "security": _SECURITY[endpoint.access],
        "responses": {
            **{
                str(status): _done(endpoint)
                for status in (endpoint.status, endpoint.other_status)
                if status is not None
            },
            **{
                str(status): _content(_PROBLEMS[status], ErrorAnswer)
                for status in endpoint.all_problems
            },
        },
    }
    parameters = [
        *(_parameter(name, "path") for name in re.findall(r"{(\w+)}", endpoint.path)),
        *(_parameter(name, "query") for name in endpoint.query),
        *(_optional_parameters(endpoint.optional_query) if endpoint.optional_query else ()),
        *([_parameter(HEADER, "header", required=False)] if endpoint.idempotent else []),
    ]
    if parameters:
        operation["parameters"] = parameters
    if endpoint.body is not None:
        operation["requestBody"] = {"required": True, **_content("", endpoint.body)}
        del operation["requestBody"]["description"]
    return operation


def _done(endpoint: Endpoint) -> dict[str, Any]:
    return {"description": "Done"} if endpoint.answer is None else _content("Done", endpoint.answer)


def _parameter(name: str, where: str, *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": where, "required": required, "schema": {"type": "string"}}


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


def _content(description: str, model: type[BaseModel]) -> dict[str, Any]:
    schema = {"$ref": _SCHEMAS.format(model=model.__name__)}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
