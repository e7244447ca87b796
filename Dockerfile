# The command, and the locustfiles beside it: no compiler, no tests, no root. Build: docker build -t wfconform .
# deploy/compose.yaml and deploy/kubernetes/ run it, too.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY src src
RUN python -m venv /opt/wfconform \
 && /opt/wfconform/bin/pip install --no-cache-dir --disable-pip-version-check . \
 && find /opt/wfconform \( -name __pycache__ -o -path '*/site-packages/*/tests' \) -type d -prune -exec rm -rf {} +

FROM python:3.12-slim
COPY --from=build /opt/wfconform /opt/wfconform
COPY locustfiles /opt/wfconform/locustfiles
RUN install -d -o 65532 -g 65532 /work
ENV PATH=/opt/wfconform/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp MPLCONFIGDIR=/tmp
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["wfconform"]
CMD ["--help"]
