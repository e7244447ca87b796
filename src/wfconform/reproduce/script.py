"""Calls and a predicate to a POSIX shell script that needs curl and python3, and holds no secret."""

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import urlencode

from wfconform.reproduce import answers, judging
from wfconform.reproduce.calls import Call
from wfconform.reproduce.predicates import Predicate
from wfconform.reproduce.shell import comment, is_plain, packed, quoted, word
from wfconform.session import Valid
from wfconform.target import Access, Secret
from wfconform.wire import Credential, Request, minimal_body

KEY_NAME, SECOND_KEY_NAME = "WFCONFORM_API_KEY", "WFCONFORM_SECOND_API_KEY"
KEYS = ("KEY", "SECOND_KEY")  # what the script calls them
NEVER = "http://wfconform.invalid"
_CALLS = "# --- the calls"
_TITLE = 600  # characters
_SHORT_NUMBER = 18  # digits
_EMPTY_INPUT: Mapping[str, Any] = {"thread_to_node_inputs": {"0": {"node_run_inputs": []}}}
_WRONG_KEY = "wfconform-wrong-key-0000"
_WHO = {
    **{credential: f"{credential.value}_key" for credential in Credential},
    Credential.NONE: "no_key",
    Credential.WRONG_SCHEME: "wrong_scheme",
}
_AUTHORIZATION = {
    Credential.FIRST: "Bearer $KEY",
    Credential.SECOND: "Bearer $SECOND_KEY",
    Credential.WRONG: f"Bearer {_WRONG_KEY}",
    Credential.WRONG_SCHEME: f"Wfconform {_WRONG_KEY}",
    Credential.CUT: "Bearer ${KEY%?}",
    Credential.EXTENDED: "Bearer ${KEY}0",
    Credential.SWAPPED: 'Bearer $(printf %s "$KEY" | tr A-Za-z a-zA-Z)',
    Credential.EMPTY: "Bearer",
}

_OF_THE_FIRST = frozenset({Credential.FIRST, Credential.CUT, Credential.EXTENDED, Credential.SWAPPED})
_FUNCTIONS = """
dir=$(mktemp -d) || exit 2
umask 077

call() { # NUMBER WHO PATH BODY [TYPE [OPTION...]]: the headers with the key go over stdin, not the command line
  n=$1 who=$2 path=$3 type=${5:-application/json}
  [ -e "$dir/$n.body" ] || printf '%s' "$4" >"$dir/$n.body"
  shift 4; [ $# -gt 0 ] && shift
  "$who" | curl --disable --silent --show-error --globoff --http1.1 @OPTIONS@ --request POST \\
    --header 'Accept: application/json' --header 'Expect:' --user-agent wfconform --header "Content-Type: $type" \\
    --header @- --data-binary "@$dir/$n.body" "$@" --dump-header "$dir/$n.headers" --output "$dir/$n.answer" \\
    --write-out '%{http_code} %{time_total}' "$BASE_URL$path" >"$dir/$n.status" 2>"$dir/$n.error"
  echo $? >"$dir/$n.exit"
}

run_id() { # NUMBER: prints the run_id that the call was answered with
  python3 -c 'import json, re, sys
run = json.load(open(sys.argv[1], "rb")).get("run_id")
print(run) if re.fullmatch("[0-9a-fA-F]{24}", str(run)) else sys.exit(1)' "$dir/$1.answer" 2>/dev/null
}

unplayed() { # NUMBER
  said=$(cat "$dir/$1.status" "$dir/$1.error" 2>/dev/null | cut -c1-120)
  echo "could not be replayed: call $1 gave no run_id ($said)"
  exit 2
}

refused() { # NUMBER: ends where a call that may be refused was refused, for then nothing is broken
  case $(cut -c1-3 "$dir/$1.status") in 4??) echo "call $1 was refused"; echo 'not reproduced'; exit 0 ;; esac
  unplayed "$1"
}

close() { # NUMBER WHO PATH INPUT: stops the run that the call opened
  run=$(run_id "$1") || return 0
  call stop "$2" "$3" "{\\"run_id\\": \\"$run\\", \\"run_input\\": $4}"
  rm -f "$dir/stop.body"
}
"""
_UNPACK = """
unpack() { # NUMBER PACKED [WORD...]: makes a body that a shell cannot hold, with the words between its pieces
  n=$1 packed=$2; shift 2
  printf '%s' "$packed" | python3 -c 'import base64, json, sys, zlib
pieces = [piece.encode("latin-1") for piece in json.loads(zlib.decompress(base64.b64decode(sys.stdin.read())))]
words = [word.encode() for word in sys.argv[1:]] + [b""]
sys.stdout.buffer.write(b"".join(piece + word for piece, word in zip(pieces, words)))' "$@" >"$dir/$n.body"
}
"""


@dataclass(frozen=True, slots=True)
class About:
    """What the script is about, in words."""

    id: str
    scenario: str
    expected: str
    actual: str


def render(calls: Sequence[Call], predicate: Predicate, access: Access, about: About) -> str:
    """Return the script."""
    return _Script(calls, predicate, access, about).text()


def with_key_names(script: str, first: str, second: str) -> str:
    """Return a script that takes its keys from other environment variables."""
    head, mark, rest = script.partition(f"\n{_CALLS}")
    for variable, old, new in ((KEYS[0], KEY_NAME, first), (KEYS[1], SECOND_KEY_NAME, second)):
        head = head.replace("\n".join(_key_lines(variable, old)), "\n".join(_key_lines(variable, new)))
    return head + mark + rest


def _key_lines(variable: str, name: str) -> tuple[str, str]:
    what = "the API key" if variable == KEYS[0] else "the key of a second tenant"
    return f"{variable}=${{{name}:-}}", _required(variable, name, what)


def header_names(access: Access) -> dict[str, str]:
    """Return the environment variable of each header that every request carries."""
    names = [*access.headers, *(access.second_headers or {})]
    return {name.lower(): "WFCONFORM_HEADER_" + re.sub(r"\W", "_", name).upper() for name in names}


class _Script:
    """One script as it is put together."""

    def __init__(self, calls: Sequence[Call], predicate: Predicate, access: Access, about: About) -> None:
        self._calls, self._predicate, self._access, self._about = calls, predicate, access, about
        self._known: dict[str, str] = {}  # a run_id of then -> its variable
        self._secrets = self._secret_words()
        self._bodies = [_body(call.exchange.request) for call in calls]
        self._packed = False

    def text(self) -> str:
        played = [*self._played()]
        closing = [*self._closing()]
        who = {call.exchange.request.credential for call in self._calls} | {one for one, _ in closing}
        parts = [
            *self._head(who),
            _FUNCTIONS.replace("@OPTIONS@", self._options()) + (_UNPACK if self._packed else ""),
            *(self._who(credential) for credential in sorted(who, key=lambda one: one.value)),
            "",
            "finish() {",
            *(f"  {line}" for _, line in closing),
            '  rm -rf "$dir"',
            "}",
            "trap finish EXIT",
            "trap 'exit 2' HUP INT TERM",
            "",
            _CALLS,
            *played,
            "",
            *self._judgement(),
        ]
        return "\n".join(parts) + "\n"

    # --- head

    def _head(self, who: Iterable[Credential]) -> Iterator[str]:
        about = self._about
        yield "#!/bin/sh"
        title = f"{about.id} ({about.scenario}): expected {about.expected}; got {about.actual}"
        yield comment(self._redacted(title)[:_TITLE])
        yield "# Needs curl and python3. Ends with 1 when the violation shows again, with 0 when it does not, and"
        yield "# with 2 when the session could not be replayed."
        yield "set -u"
        url = self._access.base_url.rstrip("/")
        if url == NEVER:
            yield _required("BASE_URL:-", "BASE_URL", "the base URL of the target")
        else:
            yield f'[ -n "${{BASE_URL:-}}" ] || BASE_URL={quoted(self._redacted(url))}'
        if self._access.auth != "none" and not _OF_THE_FIRST.isdisjoint(who):
            yield from _key_lines("KEY", KEY_NAME)
        if self._access.auth != "none" and Credential.SECOND in who:
            yield from _key_lines("SECOND_KEY", SECOND_KEY_NAME)
        for header, name in header_names(self._access).items():
            yield _required(f"{name}:-", name, f"the value of the header {header}")

    def _options(self) -> str:
        access = self._access
        packed_answers = any(one.exchange.header("content-encoding") for one in self._calls)
        options = [
            f"--max-time {access.timeout_s:g} --connect-timeout {min(access.timeout_s, 5.0):g}",
            "--noproxy localhost,127.0.0.1,::1" if _is_local(access.base_url) else "",
            "" if access.verify_tls else "--insecure",
            "--compressed" if packed_answers else "",
        ]
        return " ".join(option for option in options if option)

    def _who(self, credential: Credential) -> str:
        """Return the function that prints the headers that say who calls."""
        access = self._access
        second = credential is Credential.SECOND and access.second_headers is not None
        extra = access.second_headers if second else access.headers
        names = header_names(access)
        lines = {name.lower(): f"{name}: ${names[name.lower()]}" for name in extra or {}}
        if access.auth != "none" and credential in _AUTHORIZATION:
            lines["authorization"] = f"Authorization: {_AUTHORIZATION[credential]}"
        if credential is Credential.NONE:
            lines.pop("authorization", None)
        printed = " ".join(f'"{line}"' for line in lines.values())
        return f"{_WHO[credential]}() {{ " + (f"printf '%s\\n' {printed}; }}" if printed else ":; }")

    # --- calls

    def _played(self) -> Iterator[str]:
        group: list[Call] = []
        for call in self._calls:
            if group and call.group != group[0].group:
                yield from self._sent(group)
                group = []
            group.append(call)
        yield from self._sent(group)

    def _sent(self, group: Sequence[Call]) -> Iterator[str]:
        """Send calls that belong together, then take the run_ids that later calls need."""
        if group[0].pause_s:
            yield f"sleep {group[0].pause_s:g}"
        for call in group:
            before, line = self._line(call)
            yield from before
            delayed = f"{{ sleep {call.delay_s:g}; {line}; }}" if call.delay_s else line
            yield f"{delayed} &" if len(group) > 1 else line
        if len(group) > 1:
            yield "wait"
        for call in group:
            yield from self._captured(call)

    def _captured(self, call: Call) -> Iterator[str]:
        raw = call.answer.raw_run_id if call.answer and call.opens else None
        later = b"".join(body for one, body in zip(self._calls, self._bodies, strict=True) if one.group > call.group)
        if raw is None or raw in self._known or not _speaks_of(later, raw):
            return
        name = f"run{len(self._known) + 1}"
        self._known[raw] = name
        otherwise = "unplayed" if isinstance(call.exchange.request.intent, Valid) else "refused"
        yield f"{name}=$(run_id {call.number}) || {otherwise} {call.number}"
        if _as_number(raw) and _as_number(raw).encode() in later:
            yield f"{name}_number=$(python3 -c 'import sys; print(int(sys.argv[1], 16))' \"${name}\")"

    def _line(self, call: Call) -> tuple[list[str], str]:
        request, body, before = call.exchange.request, self._bodies[call.number - 1], []
        if is_plain(body):
            said = word(body.decode(), self._substitutions())
        else:
            content, words = packed(body, self._substitutions())
            before.append(" ".join(["unpack", str(call.number), quoted(content), *(f'"{one}"' for one in words)]))
            self._packed, said = True, "''"
        parts = ["call", str(call.number), _WHO[request.credential], self._path(request), said, *self._more(request)]
        return before, " ".join(parts)

    def _path(self, request: Request) -> str:
        query = f"?{urlencode(request.query)}" if request.query else ""
        return word(request.target_path + query, self._secrets)

    def _more(self, request: Request) -> list[str]:
        headers = {name.lower(): value for name, value in request.headers}
        kind = headers.pop("content-type", None)
        extra = [f"--header {word(f'{name}: {value}', self._secrets)}" for name, value in headers.items()]
        extra += [] if request.method == "POST" else [f"--request {quoted(request.method)}"]
        if kind is None and not extra:
            return []
        return [quoted(kind or "application/json"), *extra]

    def _closing(self) -> Iterator[tuple[Credential, str]]:
        """Stop at the end whatever a call may have opened."""
        for call in self._calls:
            request = call.exchange.request
            if request.method == "POST" and (request.run_id is None or call.opens):
                second = request.credential is Credential.SECOND
                credential = Credential.SECOND if second else Credential.FIRST
                run_input = _stop_input(request)
                stated = word(json.dumps(run_input, ensure_ascii=True), self._secrets)
                path = quoted(f"/v1/workflows/{request.workflow_id}/execute")
                yield credential, f"close {call.number} {_WHO[credential]} {path} {stated}"

    # --- judgement

    def _judgement(self) -> Iterator[str]:
        judge = judging.PREDICATES[self._predicate.name]
        then = {call.number: call.exchange.status or 0 for call in self._calls}
        keyed = [one.number for one in self._calls if one.exchange.request.credential is Credential.FIRST]
        data = {
            "then": [*then.items()],
            "keyed": keyed,
            "call": self._predicate.call,
            "may_be_refused": self._predicate.may_be_refused,
            "expected": self._about.expected,
            "arguments": self._predicate.arguments,
        }
        names = " ".join(f'{key}="${{{key}:-}}"' for key in KEYS)
        yield f"{names} python3 - \"$dir\" <<'END_OF_PYTHON'"
        yield _source(judge.__name__)
        yield f"data = json.loads({_literal(self._without_secrets(data))})"
        yield "data['then'] = dict(data['then'])"
        yield "calls = {n: read(sys.argv[1], n) for n in data['then']}"
        yield f"sys.exit(conclude({judge.__name__}, calls, **data))"
        yield "END_OF_PYTHON"

    # --- what stands for what

    def _substitutions(self) -> dict[str, str]:
        found = dict(self._secrets)
        for raw, name in self._known.items():
            found |= {raw: f"${name}", raw[:-1]: f"${{{name}%?}}", _as_number(raw): f"${name}_number"}
        return found

    def _secret_words(self) -> dict[str, str]:
        """Return what stands for each secret: its variable, where a body may need it."""
        access, names = self._access, header_names(self._access)
        found: dict[str, str] = {}
        for headers in (access.headers, access.second_headers or {}):
            found |= {value.reveal(): f"${names[name.lower()]}" for name, value in headers.items()}
        keys = zip((access.api_key, access.second_api_key), KEYS, strict=True)
        found |= {key.reveal(): f"${{{name}:-}}" for key, name in keys if isinstance(key, Secret)}
        return {value: variable for value, variable in found.items() if len(value) > 3}

    def _without_secrets(self, node: Any) -> Any:
        match node:
            case str():
                return self._redacted(node)
            case Mapping():
                return {key: self._without_secrets(value) for key, value in node.items()}
            case list() | tuple():
                return [self._without_secrets(value) for value in node]
            case _:
                return node

    def _redacted(self, text: str) -> str:
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def _required(variable: str, name: str, what: str) -> str:
    return f'[ -n "${{{variable}}}" ] || {{ echo {quoted(f"set {name} to {what}")} >&2; exit 2; }}'


def _is_local(base_url: str) -> bool:
    return bool(re.match(r"https?://(localhost|127\.|\[::1\])", base_url))


def _body(request: Request) -> bytes:
    if request.raw is not None:
        return request.raw
    if request.json is None:
        return b""
    return json.dumps(request.json, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _speaks_of(later: bytes, run_id: str) -> bool:
    number = _as_number(run_id).encode()
    return run_id[:-1].encode() in later or (bool(number) and number in later)


def _as_number(run_id: str) -> str:
    """Return a run_id as a decimal number, "" for one so small that it might stand for something else."""
    number = str(int(run_id, 16))
    return number if len(number) > _SHORT_NUMBER else ""


def _stop_input(request: Request) -> Mapping[str, Any]:
    given = (request.json or {}).get("run_input")
    kept = given.get("thread_to_node_inputs") if isinstance(given, Mapping) else None
    threads = {"thread_to_node_inputs": kept} if isinstance(kept, Mapping) else _EMPTY_INPUT
    made: Mapping[str, Any] = minimal_body(threads, command="stop")["run_input"]
    return made


def _literal(data: Any) -> str:
    """Return JSON as a Python string literal on one line."""
    return repr(json.dumps(data, ensure_ascii=True))


_IMPORTS = """from __future__ import annotations
import json, os, re, sys
from pathlib import Path
from typing import Any
"""


@cache
def _source(name: str) -> str:
    """Return the Python source that a predicate needs, itself last."""
    chosen = [inspect.getsource(judging.PREDICATES[name]), inspect.getsource(answers.conclude)]
    for part in reversed(answers.READING):
        always = part in (answers.Unplayed, answers.read)
        if always or any(f"{part.__name__}(" in text for text in chosen):
            chosen.append(inspect.getsource(part))
    text = "\n".join([_IMPORTS, *reversed(chosen)])
    return re.sub(r"[ \t]+# noqa.*", "", re.sub(r"\n{3,}", "\n\n", text))
