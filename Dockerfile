FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/media-worker
COPY requirements/build.txt requirements/run.txt requirements/
RUN /opt/media-worker/bin/pip install --no-cache-dir --require-hashes -r requirements/run.txt \
    && pip install --no-cache-dir --require-hashes --target /opt/build -r requirements/build.txt
COPY pyproject.toml README.md ./
COPY domain domain
COPY adapters adapters
COPY worker worker
RUN PYTHONPATH=/opt/build /opt/media-worker/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim AS base
COPY --from=build /opt/media-worker /opt/media-worker
ENV PATH=/opt/media-worker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /tmp
USER 10001:10001

# What docker-compose.yml plays the outside world with, MediaConvert with Debian's ffmpeg.
FROM base AS devstack
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
USER 10001:10001
WORKDIR /srv
COPY devstack devstack
COPY infra infra

FROM base AS worker
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; p = os.environ.get('HTTP_PORT', '8080'); p == '0' or u.urlopen(f'http://127.0.0.1:{p}/livez', timeout=4)"]
ENTRYPOINT ["media-worker"]
CMD ["run"]
