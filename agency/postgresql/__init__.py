"""The database engine: Django's own for PostgreSQL, with a pool that recovers at once when the server was restarted."""
