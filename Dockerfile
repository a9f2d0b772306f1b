# The image of all of Longspan's processes: `docker build .`, or better scripts/image build.
# The base has Python 3.11 or later with pip and venv. Nothing of it but the interpreter is used when Longspan runs.
ARG BASE=docker.io/library/python:3.13.15-slim-trixie
# What the last stage begins with, if that is to be another: the same Python in the same place, and no shell is needed.
ARG RUNTIME=${BASE}

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_ONLY_BINARY=:all:
COPY requirements-dev.lock requirements-image.lock ./
# /build has the build backend, in the versions of the lock. The secrets are there where the build is told of them.
RUN --mount=type=secret,id=certificates --mount=type=secret,id=pip \
    if [ -s /run/secrets/certificates ]; then export PIP_CERT=/run/secrets/certificates; fi; \
    if [ -s /run/secrets/pip ]; then export PIP_CONFIG_FILE=/run/secrets/pip; fi; \
    python3 -m venv /build \
    && awk '/^[^ #]/ { wanted = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/ } wanted' \
        requirements-dev.lock > build.lock \
    && /build/bin/python -m pip install --quiet --no-deps --require-hashes --requirement build.lock \
    && python3 -m venv --without-pip /opt/longspan \
    && /build/bin/python -m pip --python /opt/longspan/bin/python install --quiet --no-deps --no-compile \
        --require-hashes --requirement requirements-image.lock
COPY pyproject.toml README.md LICENSE ./
COPY machines machines
COPY streams streams
COPY spans spans
COPY api api
COPY longspan longspan
# Byte code that is never looked at again: the image is read-only, and its files have no times that mean something. All of it
# is made here (-f): what pip compiled because it imports it has a time in it, and no two builds would be the same.
RUN /build/bin/python -m hatchling build --target wheel --directory dist \
    && /build/bin/python -m pip --python /opt/longspan/bin/python install --quiet --no-deps --no-compile dist/*.whl \
    && /opt/longspan/bin/python -m compileall -q -f --invalidation-mode unchecked-hash /opt/longspan/lib \
    && ln -s "$(/opt/longspan/bin/python -P -c 'import machines; print(machines.__path__[0])')/examples" \
        /opt/longspan/machines \
    && find /opt/longspan -exec touch --no-dereference --date=@0 {} +

FROM ${RUNTIME}
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
ARG RUNTIME
LABEL org.opencontainers.image.title="Longspan" \
      org.opencontainers.image.description="One exact OpenTelemetry trace per long-running process" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="${RUNTIME}"
COPY --from=build /opt/longspan /opt/longspan
ENV PATH=/opt/longspan/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
WORKDIR /opt/longspan
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
EXPOSE 8080 8081
STOPSIGNAL SIGTERM
# For Docker and Podman; in Kubernetes the kubelet asks the same paths. A command that is over has nothing to ask.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["longspan", "alive"]
ENTRYPOINT ["longspan"]
CMD ["--help"]
