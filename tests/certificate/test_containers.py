"""What a bundle comes in: hostile directories and archives end in a complaint, bounded in time and memory."""

import io
import os
import struct
import zipfile
from pathlib import Path

import pytest
from tests.certificate.bundles import a_bundle, written

from wfconform.certificate import reading
from wfconform.certificate.bundle import packed
from wfconform.certificate.complaints import BadBundle
from wfconform.certificate.reading import read_bundle
from wfconform.errors import UsageError


def _refused(path: Path) -> str:
    with pytest.raises(BadBundle) as caught:
        read_bundle(path)
    return str(caught.value)


def _archive(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_symbolic_links_are_refused(tmp_path: Path) -> None:
    """A file or a directory behind a link is none of the bundle's."""
    root = written(a_bundle(), tmp_path / "bundle")
    report = root / "junit.xml"
    report.rename(tmp_path / "elsewhere.xml")
    report.symlink_to(tmp_path / "elsewhere.xml")
    assert "junit.xml: a symbolic link" in _refused(root)
    report.unlink()
    (tmp_path / "elsewhere.xml").rename(report)
    (root / "more").symlink_to("/")
    assert "more: a symbolic link" in _refused(root)


def test_pipes_and_empty_directories_are_refused(tmp_path: Path) -> None:
    """Nothing is read that could hang, and nothing is there that the manifest cannot list."""
    root = written(a_bundle(), tmp_path / "bundle")
    (root / "empty").mkdir()
    assert "empty/: an empty directory" in _refused(root)
    (root / "empty").rmdir()
    os.mkfifo(root / "pipe")
    assert "pipe: neither a file nor a directory" in _refused(root)


def test_a_pipe_instead_of_a_bundle_is_refused(tmp_path: Path) -> None:
    """The path itself may be anything, and never hangs."""
    os.mkfifo(tmp_path / "bundle.zip")
    assert "is no regular file" in _refused(tmp_path / "bundle.zip")


def test_too_many_too_deep_and_too_large_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Number, depth and size of what is read are bounded."""
    monkeypatch.setattr(reading, "LARGEST_BYTES", 1 << 20)
    monkeypatch.setattr(reading, "MOST_FILES", 30)
    big = tmp_path / "big"
    big.mkdir()
    with (big / "hole").open("wb") as hole:
        hole.truncate(1 << 40)
    assert "larger than 1 MiB" in _refused(big)
    assert "larger than 1 MiB" in _refused(_archive(tmp_path / "big.zip", b"PK" + bytes(1 << 20)))
    many = tmp_path / "many"
    many.mkdir()
    for number in range(40):
        (many / f"{number}").touch()
    assert "more than 30 files" in _refused(many)
    deep = tmp_path / "deep" / "/".join("d" * 20)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    assert "directories deep" in _refused(tmp_path / "deep")


def test_a_compressed_archive_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    """A zip bomb is compressed, and a bundle's archive never is."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(50_000_000))
    assert "bomb: is compressed" in _refused(_archive(tmp_path / "bomb.zip", made.getvalue()))


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    """An archive whose entries overlap could be larger than it is: it claims more bytes than it has."""
    content = bytes(200_000)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("one", content)
        for name in ("two", "three"):
            info = zipfile.ZipInfo(name)
            info.file_size = info.compress_size = len(content)
            info.header_offset = info.CRC = 0
            archive.filelist.append(info)
            archive._didModify = True  # type: ignore[attr-defined]
    assert "claim more bytes than the archive has" in _refused(_archive(tmp_path / "overlap.zip", made.getvalue()))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_is_twice_in_an_archive_is_refused(tmp_path: Path) -> None:
    """Of two files of one name, programs would read different ones."""
    made = io.BytesIO(packed(a_bundle()))
    with zipfile.ZipFile(made, "a") as archive:
        archive.writestr("report.json", b"{}")
    assert "report.json: is in the archive more than once" in _refused(_archive(tmp_path / "b.zip", made.getvalue()))


def _with_comment(whole: bytes) -> bytes:
    return whole[:-2] + struct.pack("<H", 5) + b"hello"


def _with_extra_field(whole: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            info.extra = struct.pack("<HH4s", 0x7777, 4, b"evil")
            new.writestr(info, old.read(info.filename))
    return made.getvalue()


def _with_other_times(whole: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(made, "w") as new:
        for info in old.infolist():
            new.writestr(zipfile.ZipInfo(info.filename, (2026, 1, 1, 0, 0, 0)), old.read(info.filename))
    return made.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        _with_comment,
        _with_extra_field,
        _with_other_times,
        lambda whole: whole + b"\0",
        lambda whole: b"#!/bin/sh\n" + whole,
        lambda whole: whole[:-1],
        lambda whole: whole[: len(whole) // 2],
        lambda whole: b"",
        lambda whole: whole + whole,
    ],
    ids=["comment", "extra", "times", "trailing", "leading", "one short", "half", "empty", "twice"],
)
def test_an_archive_that_is_not_the_canonical_packing_is_refused(tmp_path: Path, change) -> None:  # type: ignore[no-untyped-def]
    """Every byte of an archive counts, those that unpacking would ignore included."""
    assert "bundle.zip: " in _refused(_archive(tmp_path / "bundle.zip", change(packed(a_bundle()))))


def test_an_entry_that_leads_out_of_the_archive_writes_nothing(tmp_path: Path) -> None:
    """Archives are read in memory: a path in one is a name, and an unlisted name is a complaint."""
    files = {**a_bundle(), "../escaped": b"x"}
    place = tmp_path / "inner"
    place.mkdir()
    read = read_bundle(_archive(place / "b.zip", packed(files)))
    assert read["../escaped"] == b"x"
    assert not (tmp_path / "escaped").exists()


def test_a_bundle_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    """Nothing to read is the caller's mistake, not an invalid certificate."""
    with pytest.raises(UsageError):
        read_bundle(tmp_path / "nowhere")
