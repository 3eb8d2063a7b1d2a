"""The database's own limit: claim and finish of a minimal task table by a plain psycopg loop, nothing else.

python -m bench.sql_floor COUNT     performs the tasks left in floor_tasks over one connection
"""

from __future__ import annotations

import os
import socket

import psycopg

TABLES = """
DROP TABLE IF EXISTS floor_executions; DROP TABLE IF EXISTS floor_tasks;
CREATE TABLE floor_tasks (id bigserial PRIMARY KEY, status text NOT NULL, epoch bigint NOT NULL DEFAULT 0, owner text,
  lease timestamptz, result jsonb, finished_at timestamptz, config jsonb NOT NULL DEFAULT '{}');
CREATE INDEX floor_queued ON floor_tasks (id) WHERE status = 'queued';
CREATE TABLE floor_executions (id bigserial PRIMARY KEY, task_id bigint NOT NULL, epoch bigint NOT NULL, status text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz, UNIQUE (task_id, epoch));
"""
FILL = "INSERT INTO floor_tasks (status) SELECT 'queued' FROM generate_series(1, %s)"
CLAIM = """
WITH due AS MATERIALIZED (SELECT id FROM floor_tasks WHERE status = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED),
c AS (UPDATE floor_tasks t SET status = 'in_progress', epoch = epoch + 1, owner = %(me)s,
  lease = clock_timestamp() + interval '30 s' FROM due WHERE t.id = due.id RETURNING t.id, t.epoch),
e AS (INSERT INTO floor_executions (task_id, epoch, status) SELECT id, epoch, 'running' FROM c)
SELECT id, epoch FROM c
"""
FINISH = """
WITH f AS (UPDATE floor_tasks SET status = 'completed', result = %(result)s::jsonb, owner = NULL, lease = NULL,
  finished_at = clock_timestamp() WHERE id = %(id)s AND epoch = %(epoch)s AND status = 'in_progress' AND owner = %(me)s
  RETURNING id, epoch)
UPDATE floor_executions x SET status = 'success', finished_at = clock_timestamp() FROM f
WHERE x.task_id = f.id AND x.epoch = f.epoch
"""


def work() -> None:
    """Until nothing is queued."""
    me = f"{socket.gethostname()}:{os.getpid()}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        while row := connection.execute(CLAIM, {"me": me}).fetchone():
            connection.execute(FINISH, {"id": row[0], "epoch": row[1], "me": me, "result": '{"ok": true}'})


if __name__ == "__main__":
    work()
