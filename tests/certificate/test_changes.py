"""No change of a signed bundle goes unnoticed: single bytes anywhere, in a directory and in an archive."""

import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.certificate.bundles import (
    KEY,
    OTHER_KEY,
    a_bundle,
    a_load_bundle,
    complaints,
    resealed,
    rewritten,
    with_report,
    written,
)

from wfconform.certificate.bundle import CERTIFICATE, MANIFEST, SIGNATURE, packed
from wfconform.certificate.canonical import encode
from wfconform.certificate.complaints import BadBundle
from wfconform.certificate.reading import read_bundle
from wfconform.certificate.verifying import examine
from wfconform.outcomes import Verdict

CHANGES, SEED = 200, 7


def test_a_bundle_as_it_was_written_is_valid_as_directory_and_as_archive(tmp_path: Path) -> None:
    """What nobody touched verifies, in both forms, under the right key."""
    files = a_bundle()
    archive = tmp_path / "certificate.zip"
    archive.write_bytes(packed(files))
    assert complaints(read_bundle(written(files, tmp_path / "certificate"))) == []
    assert complaints(read_bundle(archive)) == []


def test_the_archive_of_a_bundle_is_the_same_bytes_each_time() -> None:
    """Packing is deterministic: neither time nor order of the files shows."""
    files = a_bundle()
    assert packed(files) == packed(dict(reversed(files.items())))


def test_each_of_200_random_single_byte_changes_in_a_directory_is_caught() -> None:
    """One byte changed in any file, the signature and the manifest included, is a complaint about that file."""
    files, chance = a_bundle(), random.Random(SEED)
    sizes = {path: len(content) for path, content in files.items()}
    missed = []
    for _ in range(CHANGES):
        path = chance.choices(list(sizes), weights=[size**0.5 for size in sizes.values()])[0]
        changed = bytearray(files[path])
        at = chance.randrange(len(changed))
        changed[at] ^= chance.randrange(1, 256)
        told = complaints({**files, path: bytes(changed)})
        if not any(path in one for one in told):
            missed.append((path, at, told))
    assert missed == []


def test_each_of_200_random_single_byte_changes_in_an_archive_is_caught(tmp_path: Path) -> None:
    """One byte changed anywhere in the archive, its own structure included, is a complaint."""
    whole, chance = packed(a_bundle()), random.Random(SEED)
    directory_starts = whole.index(b"PK\x01\x02")
    missed, archive = [], tmp_path / "certificate.zip"
    for number in range(CHANGES):
        changed = bytearray(whole)
        at = chance.randrange(directory_starts if number % 2 else 0, len(whole))
        changed[at] ^= chance.randrange(1, 256)
        archive.write_bytes(changed)
        try:
            told = complaints(read_bundle(archive))
        except BadBundle:
            continue
        if not told:
            missed.append(at)
    assert missed == []


def test_a_changed_certificate_is_told_by_its_digest_first_and_its_form_not_at_all() -> None:
    """Whether the byte spoils a value, the form or the encoding: the first line says that the file was changed."""
    files = a_bundle()
    said = f"{CERTIFICATE}: was changed: its digest is not that in manifest.json"
    for old, new in ((b'"level":"full"', b'"level":"fulk"'), (b'"seeds"', b'"seedz"'), (b"{", b"[")):
        told = complaints({**files, CERTIFICATE: files[CERTIFICATE].replace(old, new, 1)})
        assert told[0] == said
        assert not any("of this form" in one or "canonical" in one for one in told)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("level"), "level is missing"),
        (lambda c: c.update(extra=1), "extra is not known to this version"),
        (lambda c: c["runs"][0].update(calls="1"), "runs.0.calls has a value that it cannot have"),
    ],
)
def test_a_wrong_form_is_told_in_plain_words(change, said: str) -> None:  # type: ignore[no-untyped-def]
    """A certificate that its own key sealed in another form: which part, and what about it."""
    told = complaints(rewritten(a_bundle(), change, key=KEY))
    assert told == [f"{CERTIFICATE}: is not of this form: {said}"]


def test_every_part_of_signature_and_manifest_counts() -> None:
    """A bit of every fifth byte of the two files that nothing else vouches for: the signature vouches for them."""
    files = a_bundle()
    for path in (SIGNATURE, MANIFEST):
        for at in range(0, len(files[path]), 5):
            changed = bytearray(files[path])
            changed[at] ^= 1 << (at % 8)
            assert complaints({**files, path: bytes(changed)}) != [], (path, at)


@pytest.mark.parametrize("path", sorted(a_bundle()))
def test_a_file_cut_short_removed_or_grown_is_named(path: str) -> None:
    """Whatever happens to a whole file, the complaint names it."""
    files = a_bundle()
    for changed in (files[path][:-1], files[path] + b" ", b""):
        assert any(path in one for one in complaints({**files, path: changed})), changed[:20]
    without = {name: content for name, content in files.items() if name != path}
    assert any(path in one for one in complaints(without))


def test_files_added_swapped_and_renamed_are_named() -> None:
    """What is beside the manifest, under another's name or moved is told by its path."""
    files = a_bundle()
    one, two = "evidence/seed-1.json", "evidence/seed-2.json"
    assert "extra.txt: was added: it is not in manifest.json" in complaints({**files, "extra.txt": b"x"})
    swapped = {**files, one: files[two], two: files[one]}
    assert any(one in told for told in complaints(swapped))
    assert any(two in told for told in complaints(swapped))
    renamed = {("evidence/seed-4.json" if path == one else path): content for path, content in files.items()}
    told = complaints(renamed)
    assert any(one in line for line in told)
    assert any("seed-4.json: was added" in line for line in told)


@pytest.mark.parametrize("path", ["../outside", "/etc/passwd", "a/../../b", "a\\b", "C:/x", ".hidden", "a//b", ""])
def test_a_manifest_that_leads_out_of_the_bundle_is_refused(path: str) -> None:
    """A path that is none within a bundle is a complaint, and is opened by nothing."""
    files = a_bundle()
    manifest = json.loads(files[MANIFEST])
    manifest["files"].append({"path": path, "size": 0, "sha256": "0" * 64})
    assert complaints({**files, MANIFEST: encode(manifest)})[0].startswith(MANIFEST)


def test_a_key_given_twice_in_json_is_refused() -> None:
    """A certificate that says two things, of which readers take one, is none."""
    files = a_bundle()
    doubled = files[CERTIFICATE].replace(b'"level":"full"', b'"level":"load","level":"full"', 1)
    assert doubled != files[CERTIFICATE]
    assert any("a key is given twice" in one for one in complaints(resealed({**files, CERTIFICATE: doubled}, KEY)))


def test_json_in_another_spelling_is_refused() -> None:
    """Spaces, escapes and other numbers of the same meaning are not canonical."""
    files = a_bundle()
    spaced = json.dumps(json.loads(files[CERTIFICATE])).encode()
    assert any("canonical" in one for one in complaints(resealed({**files, CERTIFICATE: spaced}, KEY)))


def test_another_key_than_the_given_one_is_refused() -> None:
    """A bundle that somebody else signed is not the vendor's."""
    files = a_bundle(OTHER_KEY)
    (told,) = complaints(files)
    assert told.startswith(f"{SIGNATURE}: signed by another key: {OTHER_KEY.public.id[:16]}…")
    assert complaints(files, key=OTHER_KEY.public) == []


def test_a_stolen_certificate_sealed_with_another_key_is_refused_even_without_a_given_key() -> None:
    """The certificate names its signer: sealed by another one it contradicts itself."""
    stolen = resealed(a_bundle(), OTHER_KEY)
    found = examine(stolen, key=None, now=datetime.now(UTC)).complaints
    assert any("says that the key" in str(one) or "does not say" in str(one) for one in found)


def test_a_signature_taken_off_is_noticed() -> None:
    """Without its signature, a certificate that says it is signed is not valid; one that never was, is, unsigned."""
    files = {path: content for path, content in a_bundle().items() if path != SIGNATURE}
    assert any("no valid signature" in str(one) for one in examine(files, key=None, now=datetime.now(UTC)).complaints)
    unsigned = examine(a_bundle(None), key=None, now=datetime.now(UTC))
    assert (unsigned.complaints, unsigned.signed_by) == ((), None)
    assert any("not signed" in one for one in complaints(a_bundle(None)))


def test_an_expired_and_a_future_certificate_are_refused() -> None:
    """Outside of its times a certificate says nothing."""
    files = a_bundle()
    assert any("expired on" in one for one in complaints(files, in_days=31))
    assert any("in the future" in one for one in complaints(files, in_days=-1))


@pytest.mark.parametrize("level", ["core", "durable", "load", "platinum", "FULL"])
def test_a_certificate_of_another_level_is_refused_though_the_right_key_sealed_it(level: str) -> None:
    """The level is what the reports show, not what is written over them."""
    changed = rewritten(a_bundle(), lambda content: content.update(level=level), key=KEY)
    assert complaints(changed) != []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["requirements"].pop(3), "not those of the catalogue"),
        (lambda c: c["requirements"].append(c["requirements"][0]), "not those of the catalogue"),
        (lambda c: c["requirements"][0].update(verdict="fail"), "has to pass at level full"),
        (lambda c: c["requirements"][0].update(verdict="expected_failure"), "has to pass at level full"),
        (lambda c: c["requirements"][0].update(level="SHOULD"), "another level (MUST, SHOULD)"),
        (lambda c: c["digests"].update(requirements="0" * 64), "contract that this version does not know"),
        (lambda c: c["digests"]["contract"].pop("openapi.yaml"), "contract that this version does not know"),
        (lambda c: c["subject"].update(base_url="https://elsewhere.example"), "of another target"),
        (lambda c: c.update(seeds=[1, 2]), "3 different seeds"),
        (lambda c: (c["runs"].pop(), c["seeds"].pop()), "3 different seeds"),
        (lambda c: c["runs"][1].update(calls=1), "of another run"),
        (lambda c: c["runs"][1].update(report="../../etc/passwd"), "is missing"),
        (lambda c: c.update(expires_at="2026-99-99T00:00:00Z"), "its times"),
        (lambda c: c.update(extra=1), "not of this form"),
        (lambda c: c.update(seeds=[1, True, 3]), "not of this form"),
        (lambda c: c.pop("signed_by"), "not of this form"),
    ],
)  # fmt: skip
def test_a_certificate_that_contradicts_its_reports_is_refused_whoever_sealed_it(change, said: str) -> None:  # type: ignore[no-untyped-def]
    """The right key does not make a wrong certificate right."""
    assert any(said in one for one in complaints(rewritten(a_bundle(), change, key=KEY)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(level="core"), "is of level 'core'"),
        (lambda r: r.update(exit_code=1), "did not end with 0"),
        (lambda r: r.update(partial=True), "did not end with 0"),
        (lambda r: r["requirements"][0].update(verdict="fail"), "another verdict than the reports"),
        (lambda r: r.update(target={"base_url": "https://elsewhere.example"}), "of another target"),
        (lambda r: r.clear(), "is no report"),
    ],
)  # fmt: skip
def test_a_report_that_says_otherwise_is_noticed_whoever_sealed_it(change, said: str) -> None:  # type: ignore[no-untyped-def]
    """The verdicts are counted again from the reports."""
    changed = with_report(a_bundle(), "evidence/seed-2.json", change)
    assert any(said in one for one in complaints(changed))


def test_a_verdict_is_the_worst_of_all_seeds() -> None:
    """A SHOULD that one of three runs saw broken is a warning in the certificate."""
    files = a_bundle(AUT_005=Verdict.WARN)
    rows = {row["id"]: row["verdict"] for row in json.loads(files[CERTIFICATE])["requirements"]}
    assert rows["AUT-005"] == "warn"
    assert complaints(files) == []


# --- level load


def test_a_certificate_of_level_load_is_valid_and_says_what_was_loaded() -> None:
    """It names the sessions at once, for how long, and the SLOs; LOD-001 and LOD-002 passed, too."""
    files = a_load_bundle()
    assert complaints(files) == []
    said = json.loads(files[CERTIFICATE])
    verdicts = {row["id"]: row["verdict"] for row in said["requirements"]}
    assert (verdicts["LOD-001"], verdicts["LOD-002"]) == ("pass", "pass")
    assert (said["load"]["sessions_at_once"], said["load"]["steady_s"]) == (5, 10.0)
    assert said["load"]["slo"] == ["turn.p95 < 500ms"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("load"), "a load run belongs to the level load"),
        (lambda c: c.update(level="full"), "a load run belongs to the level load"),
        (lambda c: c["load"].update(sessions_at_once=500), "is of another load"),
        (lambda c: c["load"].update(steady_s=3600.0), "is of another load"),
        (lambda c: c["load"].update(profile="soak"), "is of another load"),
        (lambda c: c["load"].update(slo=["turn.p95 < 1ms"]), "is of another load"),
        (lambda c: c["load"].update(slo=[]), "is of another load"),
        (lambda c: c["load"].update(calls=1), "is of another run"),
        (lambda c: c["load"].update(report="evidence/seed-1.json"), "is no report of a load run"),
        (lambda c: c["load"].update(report="evidence/none.json"), "is missing"),
        (lambda c: c["runs"][0].update(report="evidence/load.json"), "needs one of level 'full'"),
        (lambda c: c["requirements"].pop(-1), "not those of the catalogue"),
        (lambda c: c["requirements"][-1].update(verdict="not_tested"), "LOD-002 has to pass at level load"),
    ],
)  # fmt: skip
def test_a_load_that_was_never_made_is_refused_whoever_sealed_it(change, said: str) -> None:  # type: ignore[no-untyped-def]
    """More sessions, a longer run, other objectives than the report shows, or no report at all."""
    told = complaints(rewritten(a_load_bundle(), change, key=KEY))
    assert any(said in one for one in told), told


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r["load"].update(valid=False), "not valid, or missed an SLO"),
        (lambda r: r["load"]["slo"][0].update(met=False), "not valid, or missed an SLO"),
        (lambda r: r["load"].update(slo=[]), "not valid, or missed an SLO"),
        (lambda r: r["load"].update(configuration={}), "is of another load"),
        (lambda r: r["load"]["configuration"].update(stages=[]), "is of another load"),
        (lambda r: r.update(load=None), "is no report of a load run"),
        (lambda r: r.update(exit_code=5), "did not end with 0"),
        (lambda r: r["target"].update(base_url="https://elsewhere.example"), "of another target"),
        (lambda r: r["requirements"][-1].update(verdict="fail"), "another verdict than the reports give it"),
    ],
)  # fmt: skip
def test_a_load_report_that_does_not_hold_is_refused_whoever_sealed_it(change, said: str) -> None:  # type: ignore[no-untyped-def]
    """The load run's own report has to be valid, of that target, with every SLO met."""
    told = complaints(with_report(a_load_bundle(), "evidence/load.json", change))
    assert any(said in one for one in told), told
