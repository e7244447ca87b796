"""Defects that change the user's text on its way: EXE-013."""

import html
import unicodedata

from tests.servers.model import Json
from tests.servers.spec import SpecServer
from tests.servers.target import Broken, defects

TABLE: list[Broken] = []
defect = defects(TABLE)


class _Rewrites(SpecServer):
    """Rewrites each text when it is read."""

    def read_text(self, run_input: Json) -> str | None:
        text = super().read_text(run_input)
        return None if text is None else self.rewrite(text)

    def rewrite(self, text: str) -> str:
        raise NotImplementedError


@defect("EXE-013")
class TruncatesText(_Rewrites):
    """Texts are cut at 4000 characters."""

    def rewrite(self, text: str) -> str:
        return text[:4000]


@defect("EXE-013")
class DropsEmoji(_Rewrites):
    """Characters of four UTF-8 bytes are lost."""

    def rewrite(self, text: str) -> str:
        return "".join(letter for letter in text if ord(letter) < 0x10000)


@defect("EXE-013")
class QuestionMarks(_Rewrites):
    """What Latin-1 does not have becomes a question mark."""

    def rewrite(self, text: str) -> str:
        return text.encode("latin-1", "replace").decode("latin-1")


@defect("EXE-013")
class EscapesHtml(_Rewrites):
    """Quotes and angle brackets are escaped for HTML."""

    def rewrite(self, text: str) -> str:
        return html.escape(text)


@defect("EXE-013")
class DoublesBackslashes(_Rewrites):
    """Backslashes come back doubled."""

    def rewrite(self, text: str) -> str:
        return text.replace("\\", "\\\\")


@defect("EXE-013")
class JoinsLines(_Rewrites):
    """Line ends become spaces."""

    def rewrite(self, text: str) -> str:
        return " ".join(text.splitlines())


@defect("EXE-013")
class UnixLineEnds(_Rewrites):
    """CR LF becomes LF."""

    def rewrite(self, text: str) -> str:
        return text.replace("\r\n", "\n")


@defect("EXE-013")
class NormalisesText(_Rewrites):
    """Texts are brought to Unicode normal form C."""

    def rewrite(self, text: str) -> str:
        return unicodedata.normalize("NFC", text)


@defect("EXE-013")
class StripsText(_Rewrites):
    """White space around a text is stripped."""

    def rewrite(self, text: str) -> str:
        return text.strip()


@defect("EXE-013")
class HalvesBackslashes(_Rewrites):
    """Two backslashes come back as one."""

    def rewrite(self, text: str) -> str:
        return text.replace("\\\\", "\\")
