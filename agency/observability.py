"""Errors to Sentry and traces to an OpenTelemetry collector, when the settings name them; otherwise nothing at all.

The packages come from requirements-obs.txt and are imported only where they are used. Nothing personal and no secret
leaves: no bodies, no headers, no local variables, routes instead of addresses, and everything passes the redaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

import agency
from agency.redaction import redact

_tracer: Any = None
#: What the request part of a Sentry event may keep.
_KEPT_OF_REQUEST = ("method",)


def start() -> None:
    """Begins to report, once in a process. Raises ImportError when a package is missing (reports.E004 says so first)."""
    if settings.SENTRY_DSN:
        _start_sentry()
    if settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        _start_traces()


# --- errors -------------------------------------------------------------------------------------------------------


def _start_sentry() -> None:
    import sentry_sdk

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        release=agency.__version__,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        traces_sample_rate=None,
        before_send=clean_event,
        before_breadcrumb=clean_breadcrumb,
    )


def clean_event(event: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any]:
    """What is sent of an error: its trace without values, the names that its log lines carry, nothing of the request."""
    from agency import logs

    request = event.get("request", {})
    event["request"] = {name: request[name] for name in _KEPT_OF_REQUEST if name in request}
    event["tags"] = {**event.get("tags", {}), **logs.current()}
    event.pop("user", None)
    cleaned: dict[str, Any] = redact(event)
    return cleaned


def clean_breadcrumb(crumb: dict[str, Any], hint: dict[str, Any]) -> dict[str, Any] | None:
    """Log lines only: queries and requests hold values."""
    if crumb.get("category") in ("query", "redis", "httplib", "subprocess"):
        return None
    cleaned: dict[str, Any] = redact(crumb)
    return cleaned


# --- traces -------------------------------------------------------------------------------------------------------


def _start_traces() -> None:
    global _tracer
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        resource=Resource.create({"service.name": "agency", "service.version": agency.__version__}),
        sampler=ParentBased(TraceIdRatioBased(settings.TRACES_SHARE)),
    )
    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = provider.get_tracer("agency", agency.__version__)


@contextmanager
def span(name: str, **attributes: Any) -> Iterator[Any]:
    """A span around what happens inside, or None. Its name and attributes must hold no address and no secret."""
    if _tracer is None:
        yield None
        return
    with _tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as made:
        yield made


def trace_headers() -> dict[str, str]:
    """`traceparent` for an outgoing request (W3C Trace Context); empty when nothing is traced."""
    if _tracer is None:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers
