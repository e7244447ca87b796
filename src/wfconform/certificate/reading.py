"""A bundle from disk, a directory or an archive: regular files only, bounded in number and size."""

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path

from wfconform.certificate.bundle import packed
from wfconform.certificate.complaints import BadBundle
from wfconform.errors import UsageError

LARGEST_BYTES = 128 * 1024 * 1024  # of a whole bundle; one of three reports has far below 10 MiB
MOST_FILES = 1000
DEEPEST = 8  # directories within each other


def read_bundle(path: Path) -> dict[str, bytes]:
    """Return the files of a bundle by path; raises BadBundle for what a bundle never is, UsageError when unreadable."""
    try:
        return _from_directory(path) if path.is_dir() else _from_archive(path)
    except OSError as error:
        raise UsageError(
            f"cannot read {path}: {error.strerror or type(error).__name__}",
            hint="give a directory or a .zip that `wfconform certify` wrote",
        ) from None


def _from_directory(root: Path) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    left = LARGEST_BYTES
    for place, name in _walked(root, "", 0):
        content = _whole(place, name, left)
        left -= len(content)
        files[name] = content
        if len(files) > MOST_FILES:
            raise BadBundle(name, f"more than {MOST_FILES} files")
    return files


def _walked(directory: Path, prefix: str, depth: int) -> Iterator[tuple[Path, str]]:
    """Yield the files below a directory; anything but regular files and directories with some is refused."""
    with os.scandir(directory) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if not entries and depth:
        raise BadBundle(prefix, "an empty directory, which no bundle has")
    for entry in entries:
        name = f"{prefix}{entry.name}"
        if entry.is_symlink():
            raise BadBundle(name, "a symbolic link, which no bundle has")
        if entry.is_dir(follow_symlinks=False):
            if depth >= DEEPEST:
                raise BadBundle(name, f"more than {DEEPEST} directories deep")
            yield from _walked(Path(entry.path), f"{name}/", depth + 1)
        elif entry.is_file(follow_symlinks=False):
            yield Path(entry.path), name
        else:
            raise BadBundle(name, "neither a file nor a directory")


def _whole(path: Path, name: str, left: int) -> bytes:
    """Read a file that is no more than `left` bytes long, and no link (it may have become one meanwhile)."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as opened:  # noqa: PTH123 - a descriptor, not a path
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BadBundle(name, "is no regular file")
        content = opened.read(left + 1)
    if len(content) > left:
        raise BadBundle(name, f"the bundle is larger than {LARGEST_BYTES >> 20} MiB")
    return content


def _from_archive(path: Path) -> dict[str, bytes]:
    content = _whole(path, path.name, LARGEST_BYTES)
    try:
        files = _unpacked(content, path.name)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, BadBundle):
            raise
        raise BadBundle(path.name, f"is no archive of a bundle: {str(error)[:120]}") from None
    if packed(files) != content:
        raise BadBundle(path.name, "the archive is not the canonical packing of its files: its bytes were changed")
    return files


def _unpacked(content: bytes, name: str) -> dict[str, bytes]:
    """Unpack what is stored only: nothing can be larger than the archive, were its entries to overlap or not."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = archive.infolist()
        if len(entries) > MOST_FILES:
            raise BadBundle(name, f"more than {MOST_FILES} files")
        names = [entry.filename for entry in entries]
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            raise BadBundle(twice[0], "is in the archive more than once")
        for entry in entries:
            if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1:
                raise BadBundle(entry.filename, "is compressed or encrypted, which no bundle's archive is")
        if sum(entry.file_size for entry in entries) > len(content):
            raise BadBundle(name, "its entries claim more bytes than the archive has")
        return {entry.filename: archive.read(entry) for entry in entries}
