# Onward in a container: one image for every part; the command says which one runs.
# Wheels are pinned by hash, nothing is compiled, and the image that runs has neither pip's cache nor a build tool.

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/onward
COPY requirements/ requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/onward/bin/python install --require-hashes --only-binary :all: -r requirements/run.txt
COPY pyproject.toml README.md ./
COPY templates/ templates/
COPY workflow/ workflow/
COPY web/ web/
COPY workers/ workers/
RUN /opt/build/bin/python -m hatchling build -t wheel -d /tmp/wheel \
 && /opt/build/bin/pip --python /opt/onward/bin/python install --no-deps --no-index /tmp/wheel/*.whl

FROM python:3.13-slim-bookworm
COPY --from=build /opt/onward /opt/onward
RUN useradd --system --uid 10001 --home-dir /var/lib/onward --shell /usr/sbin/nologin onward \
 && install -d -o onward -g onward -m 0700 /var/lib/onward
ENV PATH=/opt/onward/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 ONWARD_DATA_DIR=/var/lib/onward
USER onward
WORKDIR /var/lib/onward
VOLUME /var/lib/onward
EXPOSE 8000
ENTRYPOINT ["onward"]
CMD ["--help"]
