import os

import pytest
from tests.config.files import SECRET


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """Every test starts in an empty directory, with no WFCONFORM_* variable and ACME_API_KEY set."""
    for name in [name for name in os.environ if name.startswith(("WFCONFORM_", "ACME_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ACME_API_KEY", SECRET)
    monkeypatch.chdir(str(tmp_path))
