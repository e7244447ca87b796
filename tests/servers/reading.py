"""How the conforming server reads a request (§2, §3, §4); each step can be overridden alone."""

import json
import re
from typing import NoReturn

from tests.servers.http import App, Call, RefusedError
from tests.servers.model import COMMANDS, KEYS, ROLES, Ask, Json

_ROUTE = re.compile(r"/v1/workflows/([^/]+)/execute")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}")
_RUN_ID = re.compile(r"[0-9a-fA-F]{24}")
_NUMBER = re.compile(r"[0-9]+")
_OBJECTS = ("dynamic_variables", "runtime_variables", "miscellaneous", "initial_state", "thread_to_node_inputs")
_STRINGS = ("workflow_id", "run_by", "workflow_run_id", "team_id", "start_node_logical_id", "welcome_message")


class Reader(App):
    """Turns a call into an Ask, or refuses it; nothing is changed here."""

    prefix = ""

    def read(self, call: Call) -> Ask:
        """Understand a call, in the order route, key, workflow, body, query."""
        workflow_id = self.route(call)
        tenant = self.authenticate(call)
        role = self.find_workflow(workflow_id)
        body = self.decode(call)
        run_input = self.read_run_input(body)
        return Ask(
            call=call,
            workflow_id=workflow_id,
            role=role,
            tenant=tenant,
            run_id=self.read_run_id(body),
            command=self.read_command(run_input),
            text=self.read_text(run_input),
            version=self.read_version(call),
            run_input=run_input,
        )

    def route(self, call: Call) -> str:
        """Return the workflow_id of the path; other paths are 404, other methods 405."""
        found = _ROUTE.fullmatch(call.path.removeprefix(self.prefix))
        if found is None or not call.path.startswith(self.prefix):
            raise RefusedError(404, "no such path")
        if call.method != "POST":
            raise RefusedError(405, "method not allowed", {"Allow": "POST"})
        return found[1]

    def authenticate(self, call: Call) -> str:
        """Return the tenant whose key was sent."""
        scheme, _, key = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in KEYS:
            raise RefusedError(401, "invalid API key", {"WWW-Authenticate": "Bearer"})
        return KEYS[key]

    def find_workflow(self, workflow_id: str) -> str:
        """Return the role that the workflow plays."""
        if not _OBJECT_ID.fullmatch(workflow_id):
            raise RefusedError(422, "workflow_id must be 24 lower-case hex digits")
        if workflow_id not in ROLES:
            raise RefusedError(404, "no such workflow")
        return ROLES[workflow_id]

    def decode(self, call: Call) -> Json:
        """Return the body's JSON object."""
        if "json" not in call.headers.get("content-type", ""):
            raise RefusedError(415, "the body must be application/json")
        try:
            body = json.loads(call.body.decode("utf-8"), parse_constant=_refuse_constant)
        except (ValueError, RecursionError):
            raise RefusedError(422, "the body is not valid JSON") from None
        if not isinstance(body, dict):
            raise RefusedError(422, "the body must be an object")
        return body

    def read_run_input(self, body: Json) -> Json:
        """Return run_input, its fields of the right types."""
        run_input = body.get("run_input")
        if not isinstance(run_input, dict):
            raise RefusedError(422, "run_input must be an object")
        wrong = [name for name in _OBJECTS if not isinstance(run_input.get(name), dict | None)]
        wrong += [name for name in _STRINGS if not isinstance(run_input.get(name), str | None)]
        if not isinstance(run_input.get("version_number"), int | None):
            wrong.append("version_number")
        if wrong:
            raise RefusedError(422, f"run_input: wrong type: {', '.join(wrong)}")
        return run_input

    def read_run_id(self, body: Json) -> str | None:
        """Return the run_id, None when absent or null."""
        run_id = body.get("run_id")
        if run_id is None:
            return None
        if not isinstance(run_id, str) or not _RUN_ID.fullmatch(run_id):
            raise RefusedError(422, "run_id must be 24 hex digits")
        return run_id

    def read_command(self, run_input: Json) -> str:
        """Return the command, start by default."""
        command = run_input.get("command")
        if command is None:
            return "start"
        if command not in COMMANDS:
            raise RefusedError(422, "unknown command")
        return str(command)

    def read_text(self, run_input: Json) -> str | None:
        """Return the user's message: the last entry of `messages` in thread 0."""
        try:
            content = run_input["thread_to_node_inputs"]["0"]["node_run_inputs"][-1]["messages"][-1]["content"]
        except (KeyError, IndexError, TypeError):
            return None
        return content if isinstance(content, str) else None

    def read_version(self, call: Call) -> int | None:
        """Return the version of the query, None when absent."""
        version = call.query.get("version", "")
        if version == "":
            return None
        if not _NUMBER.fullmatch(version) or len(version) > 4000:
            raise RefusedError(422, "version must be an integer of 0 or more")
        return int(version)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
