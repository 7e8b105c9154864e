# The worker as an image: numeric user, read-only root, nothing beside the base but the locked packages.
#
# Another Python: --build-arg PYTHON=3.12. Any other base with python3 (3.11 or newer) and its venv module will
# do, too: --build-arg BASE=…
ARG PYTHON=3.13
ARG BASE=python:${PYTHON}-slim-bookworm

FROM ${BASE} AS build
# pip stays in a venv of its own: the one that is shipped has none.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# The locked packages come first: a change of the program alone does not install them again.
COPY requirements-build.lock requirements-runtime.lock ./
RUN /opt/pip/bin/pip install --require-hashes --only-binary :all: -r requirements-build.lock && \
    /opt/pip/bin/pip --python /opt/venv/bin/python3 install --require-hashes --only-binary :all: -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY worker worker
RUN /opt/pip/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . && \
    /opt/pip/bin/pip --python /opt/venv/bin/python3 install --no-deps --no-index /dist/*.whl

FROM ${BASE}
# Python's own images ship its library without bytecode, and the worker may write none: each start and each
# health check would compile it anew (0.3 s of CPU). Where it is compiled already nothing is done.
RUN python3 -m compileall -qq -x '/(site-packages|test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip)/' \
    "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" || true
# What is released says which it is; what is built by hand does not.
ARG BASE
ARG VERSION=
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="postback-worker" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.description="Tells the advertising network about conversions: Kafka in, HTTP postbacks out" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
# The modules are compiled already, and the root file system may be read-only.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    POSTBACK_HTTP__HOST=0.0.0.0
USER 10001:10001
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["postback-worker", "healthcheck"]
ENTRYPOINT ["postback-worker"]
CMD ["run"]
