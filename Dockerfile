# The command alone: no compiler, no tests, no root. Build: docker build -t wfconform .
FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY contracts contracts
COPY src src
RUN python -m venv /opt/wfconform \
 && /opt/wfconform/bin/pip install --no-cache-dir --disable-pip-version-check . \
 && find /opt/wfconform -name __pycache__ -type d -prune -exec rm -rf {} +

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 wfconform
COPY --from=build /opt/wfconform /opt/wfconform
ENV PATH=/opt/wfconform/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER wfconform
WORKDIR /work
ENTRYPOINT ["wfconform"]
CMD ["--help"]
