"""What hostile peers cost in memory: the peak of a whole process, above what it needs anyway."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.hostile.checking import SCENARIOS, arguments, environment
from tests.hostile.peers import PEERS
from tests.hostile.sockets import Talk, listening, response

from wfconform.wire import parse

GROWTH_LIMIT_KIB = 160 * 1024
_MEASURED = """
import sys

def kib(name):
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

import wfconform.commands.check, wfconform.conformance, wfconform.cli
before = kib("VmRSS")
try:
    wfconform.cli.main()
finally:
    sys.stderr.write(f"\\ngrew {kib('VmHWM') - before}\\n")
"""

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")


def _growth_kib(served_command: list[str], folder: Path) -> int:
    command = [sys.executable, "-c", _MEASURED, *served_command]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment(), cwd=folder, timeout=60, check=False
    )
    assert done.returncode in (1, 3), done.stderr
    return int(done.stderr.split()[-1])


@pytest.mark.parametrize(
    "name",
    [
        *("endless-body", "sends-a-gibibyte", "gzip-bomb", "nested-gzip-bomb", "gzip-of-nothing"),
        *("ten-thousand-long-headers", "endless-header", "endless-1xx"),
    ],
)
def test_a_flood_is_cut_off_before_it_fills_the_memory(name: str, tmp_path: Path) -> None:
    """However much a peer sends, the process grows by little more than the body limit."""
    with listening(PEERS[name].serve) as served:
        full = arguments(served, tmp_path / "report.json", "--only", ",".join(SCENARIOS), timeout_s=3)
        assert _growth_kib(full[3:], tmp_path) < GROWTH_LIMIT_KIB


async def _long_string(talk: Talk) -> None:
    await talk.request()
    await talk.send(response(b"[" + b"[]," * 500 + b'"' + b"a" * 4_000_000 + b'"]'))


def test_one_long_string_costs_about_its_size(tmp_path: Path) -> None:
    """4 MB of JSON that is a list of lists and one long string needs no hundreds of megabytes."""
    with listening(_long_string) as served:
        full = arguments(served, tmp_path / "report.json", "--only", ",".join(SCENARIOS), timeout_s=30)
        assert _growth_kib(full[3:], tmp_path) < GROWTH_LIMIT_KIB


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"[" * 500_000, id="brackets"),
        pytest.param(b"[" * 401 + b'"' + b'\\"' * 12_000, id="unclosed string of escaped quotes"),
        pytest.param(b"[" * 401 + b'"' + b"\\\\" * 500_000, id="unclosed string of backslashes"),
        pytest.param(b"[" + b"9" * 1_000_000 + b"]", id="a million digits"),
        pytest.param(b"[0." + b"9" * 1_000_000 + b"]", id="a million decimals"),
        pytest.param(b"[" + b" " * 2_000_000 + b"]", id="spaces"),
    ],
)
def test_no_body_takes_long_to_read(body: bytes) -> None:
    """Reading takes a time that is in proportion to the length, whatever the bytes are."""
    code = (
        "import sys, time; from wfconform.wire import parse; body = sys.stdin.buffer.read();"
        "begun = time.process_time(); parse(body); print(time.process_time() - begun)"
    )
    done = subprocess.run([sys.executable, "-c", code], input=body, capture_output=True, timeout=30, check=True)
    assert float(done.stdout) < 1.5


def test_a_body_that_was_cut_off_is_not_read_as_a_whole_one() -> None:
    """What is kept of a body that was too large is shown, and never judged as JSON."""
    assert parse(b" " * 65536).value is None
