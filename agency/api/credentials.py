"""Credentials over the API: a secret goes in and never comes out.

People see, change and revoke their own; `agency.view_credential` and `agency.change_credential` reach everybody's.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from django.db.models import Q, QuerySet
from pydantic import Field
from rest_framework.request import Request
from rest_framework.response import Response

from agency import credentials, http
from agency.api.bodies import Answer, Body, FieldProblem, PageOf, Query, parse, parse_query
from agency.api.documented import documented
from agency.api.pagination import DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET, Place, Sort, page_of
from agency.api.permissions import require_permission
from agency.api.problems import Problem, translates
from agency.api.views import ApiView
from agency.models import Credential

Name = Annotated[str, Field(min_length=1, max_length=200)]
Secret = Annotated[str, Field(min_length=1, max_length=8192)]
Hosts = Annotated[list[Annotated[str, Field(max_length=300)]], Field(min_length=1, max_length=50)]
#: Kinds that anybody may store for their own tasks; the others belong to the installation.
OWN_KINDS = frozenset({"bearer", "api_key", "basic", "header", "other"})


class CredentialBody(Body):
    """POST credentials/"""

    name: Name
    kind: Literal["bearer", "api_key", "basic", "header", "ghl", "other"] = "other"
    secret: Secret
    allowed_hosts: Hosts
    account: Annotated[str, Field(max_length=200)] = ""


class CredentialChange(Body):
    """PATCH credentials/{id}/"""

    name: Name | None = None
    secret: Secret | None = None
    allowed_hosts: Hosts | None = None


class CredentialOut(Answer):
    """A credential, without its secret."""

    id: int
    name: str
    kind: str
    account: str
    hint: str = Field(description="The end of the secret.")
    reference: dict[str, Any] = Field(description="What stands for the secret in an executionConfig.")
    allowed_hosts: list[str]
    inline: bool = Field(description="Made from a secret that was written into a task.")
    created_at: dt.datetime
    updated_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None


class CredentialPage(PageOf[CredentialOut]):
    """A page of credentials."""


EXAMPLES = {
    "A bearer token": {
        "name": "CRM",
        "kind": "bearer",
        "secret": "your-token-here",
        "allowedHosts": ["api.example.com"],
    }
}


class CredentialQuery(Query):
    """GET credentials/"""

    kind: Annotated[str, Field(max_length=20)] | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    offset: Annotated[int, Field(ge=0, le=MAX_OFFSET)] = 0
    cursor: Annotated[str, Field(max_length=500)] | None = None


@translates(credentials.CredentialError)
def _refused(error: credentials.CredentialError) -> Problem:
    errors = [FieldProblem(f"#/{error.field}", "credential", str(error))] if error.field else []
    return Problem(422, str(error), kind="credential", errors=errors)


class CredentialList(ApiView):
    """credentials/"""

    @documented(CredentialPage, query=CredentialQuery)
    def get(self, request: Request) -> Response:
        """Lists credentials, newest first; never a secret."""
        query = parse_query(CredentialQuery, request)
        rows = _visible(request, "agency.view_credential")
        rows = rows.filter(kind=query.kind) if query.kind else rows
        page = page_of(request, rows, Sort("id"), Place(query.limit, query.offset, query.cursor))
        return Response(page.answer(lambda found: [shown(row) for row in found]))

    @documented(CredentialOut, status=201, body=CredentialBody, examples=EXAMPLES)
    def post(self, request: Request) -> Response:
        """Stores a secret; the answer holds the reference that stands for it in a config."""
        body = parse(CredentialBody, request.data)
        if body.kind not in OWN_KINDS or _opens_ports(body.allowed_hosts):
            require_permission(request, "agency.add_credential")
        made = credentials.store(
            body.secret,
            name=body.name,
            kind=body.kind,
            account=body.account,
            allowed_hosts=body.allowed_hosts,
            owner=request.user,
        )
        return Response(shown(made), 201, headers={"Location": f"{request.path}{made.pk}/"})


class CredentialItem(ApiView):
    """credentials/{id}/"""

    @documented(CredentialOut)
    def get(self, request: Request, credential_id: int) -> Response:
        """One credential, without its secret."""
        return Response(shown(_find(request, credential_id, "agency.view_credential")))

    @documented(CredentialOut, body=CredentialChange)
    def patch(self, request: Request, credential_id: int) -> Response:
        """Replaces name, hosts or the secret."""
        row = _find(request, credential_id, "agency.change_credential")
        body = parse(CredentialChange, request.data)
        if body.allowed_hosts and _opens_ports(body.allowed_hosts):
            require_permission(request, "agency.add_credential")
        credentials.change(
            row, actor=request.user, secret=body.secret, name=body.name, allowed_hosts=body.allowed_hosts
        )
        row.refresh_from_db()
        return Response(shown(row))

    @documented(status=204)
    def delete(self, request: Request, credential_id: int) -> Response:
        """Revokes it for good: its secret is overwritten and tasks that refer to it fail."""
        row = _find(request, credential_id, "agency.change_credential")
        credentials.revoke(row, actor=request.user)
        return Response(status=204)


def shown(row: Credential) -> CredentialOut:
    """A credential as the API shows it."""
    same = {name: getattr(row, name) for name in CredentialOut.model_fields if name not in ("id", "reference")}
    return CredentialOut.model_construct(id=row.pk, reference=credentials.reference(row), **same)


def _visible(request: Request, permission: str) -> QuerySet[Credential]:
    """Own ones; everybody's with the permission. Keys of channels are shown with their channel only."""
    rows = Credential.objects.exclude(kind=Credential.Kind.CHANNEL)
    return rows if request.user.has_perm(permission) else rows.filter(Q(owner=request.user))


def _find(request: Request, credential_id: int, permission: str) -> Credential:
    row = _visible(request, permission).filter(pk=credential_id).first()
    if row is None:
        raise Problem(404, "No such credential")
    return row


def _opens_ports(hosts: list[str]) -> bool:
    """A port that is not one of the web's is opened by a credential: not everybody may do that."""
    known = {str(port) for port in http.policy.HTTPS_PORTS | http.policy.HTTP_PORTS}
    ports = [host.rpartition(":")[2] for host in hosts if ":" in host]
    return any(port.isdigit() and port not in known for port in ports)
