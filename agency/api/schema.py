"""The OpenAPI 3.1 document, drawn from the pydantic models that read the requests and write the answers.

drf-spectacular walks the addresses and keeps the components; what an operation takes and answers is said on its method
(agency/api/documented.py).
"""

from __future__ import annotations

import re
from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from pydantic import BaseModel, Field

from agency.api import idempotency
from agency.api.documented import Documented, documentation_of
from agency.api.problems import CONTENT_TYPE as PROBLEM
from agency.api.views import SAFE

JSON = "application/json"
REF = "#/components/schemas/{model}"
ETAG = {"ETag": {"description": "The version of what is answered.", "schema": {"type": "string"}}}
LIMITED = {
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}},
}


class FieldErrorOut(BaseModel):
    """One thing wrong with a request."""

    pointer: str = Field(description="JSON pointer (RFC 6901) into the request, as a URI fragment.")
    code: str
    message: str


class ProblemOut(BaseModel):
    """RFC 9457 problem details, with `success` and `error` for callers that only look for those."""

    type: str
    title: str
    status: int
    detail: str
    success: Literal[False]
    error: str
    instance: str
    requestId: str
    errors: list[FieldErrorOut] | None = None


class Schema(AutoSchema):
    """One operation of the document."""

    view: Any  # an ApiView: drf-spectacular knows only its base

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        """Raises LookupError for a method that says nothing about itself."""
        self.registry, self.path, self.path_regex, self.path_prefix = registry, path, path_regex, path_prefix
        self.method = method.upper()
        handler = getattr(self.view, method.lower())
        said = documentation_of(handler)
        if said is None:
            raise LookupError(f"{type(self.view).__qualname__}.{method.lower()} is not @documented")
        text = (handler.__doc__ or "").strip()
        operation: dict[str, Any] = {
            "operationId": _operation_id(path, self.method),
            "summary": text.split(". ")[0].split("\n")[0].rstrip("."),
            "description": f"{text}\n\nScope: `{self.view.scope_of(self.method)}`.",
            "tags": [path.removeprefix("/api/v1/").split("/")[0]],
            "parameters": self._all_parameters(said),
            "responses": self._responses(said),
        }
        if said.body is not None:
            operation["requestBody"] = self._body(said)
        return operation

    def _body(self, said: Documented) -> dict[str, Any]:
        media: dict[str, Any] = {"schema": self._ref(said.body, "validation")}
        if said.examples:
            media["examples"] = {
                _slug(name): {"summary": name, "value": value} for name, value in said.examples.items()
            }
        required = any(field.is_required() for field in said.body.model_fields.values())  # type: ignore[union-attr]
        return {"content": {JSON: media}, "required": required}

    def _all_parameters(self, said: Documented) -> list[dict[str, Any]]:
        found = self._resolve_path_parameters(re.findall(r"{(\w+)}", self.path))
        if said.query is not None:
            found += self._query(said.query)
        if self.method == "POST" and self.view.one_transaction:
            found.append(_header(idempotency.HEADER, "The same key and body get the same answer, for 24 hours.", 255))
        if said.if_match:
            found.append(_header("If-Match", "An ETag; 412 when it is no longer the current one.", 100))
        if said.has_etag and self.method in SAFE:
            known = "An ETag; 304 as long as it is the current one."
            found.append({"name": "If-None-Match", "in": "header", "description": known, "schema": {"type": "string"}})
        return found

    def _query(self, model: type[BaseModel]) -> list[dict[str, Any]]:
        schema = model.model_json_schema(by_alias=True, ref_template=REF)
        self._keep(schema.pop("$defs", {}))
        required = schema.get("required", [])
        return [_parameter(name, spec, name in required) for name, spec in schema["properties"].items()]

    def _responses(self, said: Documented) -> dict[str, Any]:
        found = {str(status): self._response(status, answer, said) for status, answer in said.answers.items()}
        if said.has_etag and self.method in SAFE:
            found["304"] = {"description": "Nothing changed.", "headers": ETAG}
        for status, meaning in self._refusals(said).items():
            found[status] = {
                "description": meaning,
                "content": {PROBLEM: {"schema": self._ref(ProblemOut, "serialization")}},
                **({"headers": LIMITED} if status in ("429", "503") else {}),
            }
        return dict(sorted(found.items()))

    def _response(self, status: int, answer: type[BaseModel] | None, said: Documented) -> dict[str, Any]:
        response: dict[str, Any] = {"description": _MEANINGS.get(status, "Done.")}
        content: dict[str, Any] = {kind: {"schema": {"type": "string", "format": "binary"}} for kind in said.files}
        if answer is not None:
            content[JSON] = {"schema": self._ref(answer, "serialization")}
            if said.answer_example is not None:
                content[JSON]["example"] = said.answer_example
        if content:
            response["content"] = content
        if said.has_etag:
            response["headers"] = ETAG
        return response

    def _refusals(self, said: Documented) -> dict[str, str]:
        found = {
            "400": "The query, a header or the JSON is not valid.",
            "401": "No token, or one that is unknown, expired or revoked.",
            "403": "The scope or a permission is missing.",
            "406": "Only JSON is answered.",
            "429": "The rate limit of this kind is used up.",
            "503": "The database does not answer, or the queue is full.",
        }
        if "{" in self.path:
            found["404"] = "There is no such thing, or it is somebody else's."
        if self.method not in SAFE:
            found |= {
                "409": "Not possible in the present state.",
                "412": "Changed since it was read.",
                "413": "The body is too large.",
                "415": "The body is not JSON in UTF-8.",
                "422": "A field is not valid, or the Idempotency-Key was used for another request.",
            }
        return found

    def _ref(self, model: type[BaseModel] | None, mode: Literal["validation", "serialization"]) -> dict[str, Any]:
        if model is None:
            return {}
        schema = model.model_json_schema(by_alias=True, ref_template=REF, mode=mode)
        self._keep(schema.pop("$defs", {}) | {model.__name__: schema})
        return {"$ref": REF.format(model=model.__name__)}

    def _keep(self, schemas: dict[str, Any]) -> None:
        for name, schema in schemas.items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=_clean(schema))
            self.registry.register_on_missing(component)


_MEANINGS = {
    200: "Done.",
    201: "Created.",
    202: "Accepted; the work goes on.",
    204: "Done, nothing to show.",
    207: "Some were done, some were refused: each item says.",
}


def _operation_id(path: str, method: str) -> str:
    words = re.sub(r"{(\w+)}", r"by \1", path.removeprefix("/api/v1/"))
    return "_".join([method.lower(), *re.findall(r"\w+", words.replace("-", "_"))])


#: A time of day without a date has no offset here, which JSON Schema's format "time" demands.
_TIME = {"pattern": r"^\d{2}:\d{2}(:\d{2}(\.\d+)?)?$"}


def _clean(schema: Any) -> Any:
    """Without pydantic's titles, which only repeat the names, and with times of day as they are written here."""
    if isinstance(schema, list):
        return [_clean(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _clean(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    if kept.get("format") == "time":
        del kept["format"]
        kept |= _TIME
    return kept


def _slug(name: str) -> str:
    return re.sub(r"\W+", "-", name.lower()).strip("-")


def _header(name: str, meaning: str, longest: int) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": r"^[!-~]+$"}
    return {"name": name, "in": "header", "description": meaning, "required": False, "schema": schema}


def _parameter(name: str, spec: dict[str, Any], required: bool) -> dict[str, Any]:
    """A query parameter: absent instead of null, lists separated by commas or repeated."""
    spec = _clean(spec)
    options = [option for option in spec.get("anyOf", []) if option != {"type": "null"}]
    if len(options) == 1:
        spec = {**options[0], **{key: value for key, value in spec.items() if key not in ("anyOf", "default")}}
    elif spec.get("default", 0) is None:
        del spec["default"]
    description = spec.pop("description", "")
    found = {"name": name, "in": "query", "required": required, "schema": spec, "description": description}
    if spec.get("type") == "array":
        found |= {"style": "form", "explode": True}
    return found
