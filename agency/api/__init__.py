"""What every part of the REST API is built from: tokens, strict JSON, problem details, pages, limits, idempotency."""
