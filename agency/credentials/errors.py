from __future__ import annotations


class CredentialError(Exception):
    """A credential cannot be stored, found or used. The message never holds a secret.

    `field` is the key of the config, if there is one. Trying again does not help: a person has to change something.
    """

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field
