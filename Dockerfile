# The service in a container: docs/how-to/run-in-a-container.md. Any engine that builds OCI images takes it.

FROM python:3.13-slim AS build
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir "build>=1.3,<2" && python -m build --wheel --outdir /dist

FROM python:3.13-slim
COPY constraints.txt /tmp/
COPY --from=build /dist/*.whl /tmp/
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt /tmp/feedmill-*.whl \
    && rm /tmp/feedmill-*.whl /tmp/constraints.txt \
    && useradd --system --uid 10001 --home-dir /var/lib/feedmill --create-home feedmill

USER 10001
WORKDIR /var/lib/feedmill
VOLUME /var/lib/feedmill
EXPOSE 8080
STOPSIGNAL SIGTERM

# It listens on every address of the container; which of the host's lead there is said where the port is published.
ENV FEEDMILL_SERVER__HOST=0.0.0.0 \
    FEEDMILL_SERVER__PORT=8080 \
    FEEDMILL_DATABASE=sqlite:////var/lib/feedmill/feedmill.db \
    PYTHONUNBUFFERED=1

HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=8)"]

ENTRYPOINT ["feedmill"]
CMD ["serve"]
