"""A page in headless Chromium, and what axe-core says of it there; where either is missing, the test is skipped."""

import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from html import escape, unescape
from pathlib import Path

import pytest
from tests.report.install import PROGRAM

_CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_AXE = Path(__file__).parents[2] / ".venv" / "axe" / PROGRAM
_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-logging=stderr",
)  # fmt: skip
_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
_RUN = """
for (const one of document.querySelectorAll("details")) one.open = true;
const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
const dark = matchMedia("(prefers-color-scheme: dark)").matches;
axe.run(document, {resultTypes: ["violations"]}).then(found => {
  const said = found.violations.map(one => `${one.id}: ${one.help}: ${one.nodes[0].html.slice(0, 200)}`);
  const told = document.createElement("output");
  told.id = "told";
  told.textContent = JSON.stringify({said, wide, dark, passes: found.passes.length, width: window.innerWidth});
  parent.document.body.append(told);
});
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a browser made of a page: its document, and the lines of its console."""

    document: str
    console: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Audited:
    """What axe-core found; too_wide: pixels that the page is wider than its window; dark: which scheme it saw."""

    violations: tuple[str, ...]
    passes: int
    too_wide: int
    dark: bool


def seen(source: str, *, width: int = 1200, dark: bool = False) -> Seen:
    """Open a page; skips where there is no Chromium."""
    if _CHROMIUM is None:
        pytest.skip("no chromium is installed")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "page.html"
        path.write_text(source, encoding="utf-8")
        look = (f"--window-size={width},900", *(("--blink-settings=preferredColorScheme=0",) if dark else ()))
        time = "--virtual-time-budget=20000"
        done = subprocess.run(
            [_CHROMIUM, *_QUIET, *look, time, f"--user-data-dir={folder}/profile", "--dump-dom", path.as_uri()],
            capture_output=True, text=True, timeout=120, check=True, env={**os.environ, "HOME": folder},
        )  # fmt: skip
    return Seen(done.stdout, tuple(line for line in done.stderr.splitlines() if "CONSOLE" in line))


def audited(source: str, *, width: int = 1100, dark: bool = False) -> Audited:
    """Run axe-core over a page with everything unfolded; skips where it was not installed.

    The page's own policy forbids scripts, so the audited copy has none. It stands in a frame: windows of headless
    Chromium are never as narrow as a phone.
    """
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: `make axe` installs it where npm and a registry are")
    script = _AXE.read_text(encoding="utf-8").replace("</script", "<\\/script")
    copy = _POLICY.sub("", source).replace("</body>", f"<script>{script}</script><script>{_RUN}</script></body>")
    frame = f'<iframe title="page" style="border:0; width:{width}px; height:900px" srcdoc="{escape(copy)}"></iframe>'
    told = re.search(r'<output id="told">(.*?)</output>', seen(frame, dark=dark).document, re.DOTALL)
    assert told is not None, "axe-core did not come to an end"
    found = json.loads(unescape(told[1]))
    assert found["width"] == width
    return Audited(tuple(found["said"]), found["passes"], found["wide"], found["dark"])
