"""ghl_action: five actions of the GoHighLevel (LeadConnector) API, as it was in 2026-06 (`Version: v3` and before).

Source of every outside fact here: the OpenAPI files of GoHighLevel/highlevel-api-docs (tasks/tests/contracts/ghl) and,
where those are silent or wrong, the answers that several independent callers have published.
"""
