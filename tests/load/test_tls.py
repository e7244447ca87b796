"""A load run over TLS, against a certificate that nobody has signed."""

import ssl
import subprocess
from pathlib import Path
from shutil import which

import pytest
from tests.load import deployments as on


@pytest.fixture(scope="module")
def own_certificate(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    """A server's context with a certificate made now."""
    openssl = which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def test_without_verification_sessions_go_on_over_kept_connections(
    own_certificate: ssl.SSLContext, tmp_path: Path
) -> None:
    """Nothing broke, the totals are the target's, and each slot has kept one connection."""
    runs = on.sound()
    with on.served(runs, tls=own_certificate) as base_url:
        target = on.target_at(base_url, verify_tls=False)
        result = on.measured(target, on.plan("complete", "cancel", stages=on.closed(4, 0.8)), tmp_path)
    assert (result.violations, result.failures) == ({}, {})
    assert (result.turns, result.requests) == (runs.counts["turns"], runs.counts["requests"])
    assert result.health.connections_opened == runs.counts["connections"] == 4
    assert result.turns > 4


def test_with_verification_no_request_is_sent(own_certificate: ssl.SSLContext, tmp_path: Path) -> None:
    """The sessions are lost, the reason names the certificate, and the target was asked nothing."""
    runs = on.sound()
    with on.served(runs, tls=own_certificate) as base_url:
        result = on.measured(on.target_at(base_url), on.plan(stages=on.closed(2, 0.5)), tmp_path)
    assert runs.counts["requests"] == result.turns == 0
    assert result.sessions["lost"] > 0
    assert "certificate verify failed" in result.first_violations[0].actual
