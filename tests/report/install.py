"""Install axe-core for the tests of pages, by npm; when it cannot be had, that is said.

Called by `make axe` with the directory to install into; never fails. It is run in a browser by tests alone: nothing of
it is imported or shipped.
"""

import shutil
import subprocess
import sys
from pathlib import Path

PACKAGE = "axe-core@4.14.1"  # exactly: a later one may have rules that a page was never held against
PROGRAM = Path("node_modules") / "axe-core" / "axe.min.js"
_TIMEOUT_S = 120


def main(directory: Path) -> int:
    sys.stdout.write(f"axe-core: {_install(directory)}\n")
    return 0


def _install(place: Path) -> str:
    npm = shutil.which("npm")
    if (place / PROGRAM).exists():
        return "is there"
    if npm is None:
        return "not installed: there is no npm"
    asked = [npm, "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(place)]
    try:
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run([*asked, PACKAGE], check=True, capture_output=True, timeout=_TIMEOUT_S)
    except (OSError, subprocess.SubprocessError) as error:
        return f"not installed: {type(error).__name__}"
    return "installed" if (place / PROGRAM).exists() else "not installed: it is not what was expected"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
