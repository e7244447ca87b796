"""Target files for the tests of the configuration."""

from pathlib import Path

CONVERSATION = "5eb7cf5a86d9755df3a6c593"
OTHER = "5eb7cf5a86d9755df3a6c594"
SECRET = "sk-live-0123456789"

MINIMAL = f"""
[target]
base_url = "https://api.example.com/workflows/"
api_key_env = "ACME_API_KEY"

[workflows]
conversation = "{CONVERSATION}"
"""

COMPLETE = f"""
[target]
name = "acme staging"
base_url = "https://api.example.com/workflows"
api_key_env = "ACME_API_KEY"
auth = "bearer"
second_api_key_env = "ACME_API_KEY_B"
headers = {{ teamid = "t1", uuid = "u1" }}
second_headers = {{ teamid = "t2" }}
second_workflow = "{OTHER}"
session_ttl_s = 3600
timeout_s = 12.5
verify_tls = false

[workflows]
conversation = "{CONVERSATION}"
conversation_end = "goodbye"
echoes = true
completes = "{OTHER}"
versioned = {{ id = "{OTHER}", versions = {{ 0 = "version-0", 1 = "version-1" }}, active = 1 }}

[input]
start = {{ threads = [] }}
template = {{ threads = [ {{ said = "user: {{text}}" }} ] }}

[storage]
mongo_url_env = "ACME_MONGO_URL"
database = "workflows"
collection = "workflow_runs"

[restart]
command = "docker compose restart api"
ready_url = "https://api.example.com/healthz"

[expected_failures]
"AUT-005" = "gateway strips the header, ticket OPS-12"
"""


def write(directory: Path, content: str, name: str = "target.toml") -> Path:
    path = directory / name
    path.write_text(content, encoding="utf-8")
    return path
