"""What the services refuse, as problem details."""

from __future__ import annotations

from agency.api.problems import Problem, translates
from tasks import errors, pressure

#: Seconds after which a full queue may have room again.
ROOM_AFTER_S = 10


@translates(errors.Invalid)
def _invalid(error: errors.Invalid) -> Problem:
    return Problem(422, str(error), kind="invalid", errors=error.errors)


@translates(errors.NotFound)
def _not_found(error: errors.NotFound) -> Problem:
    return Problem(404, str(error))


@translates(errors.Conflict)
def _conflict(error: errors.Conflict) -> Problem:
    return Problem(409, str(error), kind="conflict")


@translates(errors.Stale)
def _stale(error: errors.Stale) -> Problem:
    return Problem(412, str(error), kind="stale")


@translates(errors.Forbidden)
def _forbidden(error: errors.Forbidden) -> Problem:
    return Problem(403, str(error), kind="permission")


@translates(pressure.Overloaded)
def _overloaded(error: pressure.Overloaded) -> Problem:
    return Problem(503, str(error), kind="overloaded", headers={"Retry-After": str(ROOM_AFTER_S)})
