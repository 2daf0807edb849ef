# Each layer changes at its own pace: Python, the dependencies, ffmpeg, the code.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS dependencies
COPY requirements/run.txt /requirements.txt
# rich brings Pygments, whose lexers colour source code: 4 MB that nothing here reads.
RUN python -m venv --without-pip /opt/media-worker \
    && pip --python /opt/media-worker install --no-cache-dir --no-compile --require-hashes -r /requirements.txt \
    && rm /opt/media-worker/lib/python*/site-packages/pygments/lexers/[a-z]*.py \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/media-worker/lib

# The code is one executable file, sources and bytecode compressed: less than a megabyte for each release.
FROM python:${PYTHON}-slim AS code
WORKDIR /code
COPY adapters adapters
COPY domain domain
COPY worker worker
RUN printf 'import sys\n\nfrom worker.cli import main\n\nsys.exit(main())\n' >__main__.py \
    && python -m compileall -q -b --invalidation-mode unchecked-hash . \
    && python -m zipapp --compress --python '/opt/media-worker/bin/python -I' --output /media-worker . \
    && chmod 755 /media-worker

FROM python:${PYTHON}-slim AS runtime
ARG PYTHON
# The root file system is read-only: what isn't compiled here is compiled at each start, and at each health check.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python${PYTHON}/ensurepip /usr/local/lib/python${PYTHON}/site-packages/pip* \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /usr/local/lib/python${PYTHON}
COPY --from=dependencies /opt/media-worker /opt/media-worker
ENV PATH=/opt/media-worker/bin:$PATH
WORKDIR /
USER 10001:10001

# What docker-compose.yml plays the outside world with, MediaConvert with Debian's ffmpeg.
FROM runtime AS devstack
USER 0:0
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg curl && rm -rf /var/lib/apt/lists/*
USER 10001:10001
WORKDIR /srv
COPY devstack devstack
COPY infra infra

FROM runtime AS worker
COPY --from=code /media-worker /opt/media-worker/bin/media-worker
ARG VERSION
ARG REVISION
ENV MEDIA_WORKER_VERSION=${VERSION} \
    MEDIA_WORKER_REVISION=${REVISION}
LABEL org.opencontainers.image.title="media-worker" \
    org.opencontainers.image.description="Turns a listing's uploads into renditions, a zip bundle and a signed callback" \
    org.opencontainers.image.version=${VERSION} \
    org.opencontainers.image.revision=${REVISION}
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --start-interval=1s --retries=3 CMD ["media-worker", "health"]
ENTRYPOINT ["media-worker"]
CMD ["run"]
