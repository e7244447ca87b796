"""What every report of a hostile peer must be: whole, and without a character that acts on a terminal."""

import io
import json
import unicodedata
from xml.etree import ElementTree

from rich.console import Console

from wfconform.outcomes import Run
from wfconform.report import console as console_report
from wfconform.report import json as json_report
from wfconform.report import junit, markdown

_ACTING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_LAYOUT = frozenset("\n\t")


def acting(text: str) -> set[str]:
    """The characters of a text that a terminal would act upon."""
    return {char for char in set(text) - _LAYOUT if unicodedata.category(char) in _ACTING}


def assert_reports_are_harmless(run: Run) -> None:
    """Make every report of a run and look for what it must not hold."""
    shown = io.StringIO()
    console_report.show(run, Console(file=shown, width=200, color_system=None, markup=False, highlight=False))
    texts = {
        "console": shown.getvalue(),
        "json": json_report.render(run),
        "junit": junit.render(run),
        "markdown": markdown.render(run),
    }
    assert {name: found for name, text in texts.items() if (found := acting(text))} == {}
    assert json.loads(texts["json"])["exit_code"] == run.exit_code
    assert ElementTree.fromstring(texts["junit"]).tag == "testsuites"
