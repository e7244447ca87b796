"""The badge of a certificate: a small SVG without script, font or network."""

from html import escape

_CHAR_PX = 6.6
_PAD_PX = 10
_COLOURS = {True: "#1a7f37", False: "#6e7781"}


def badge(*, level: str, issued_on: str, signed: bool) -> str:
    """Return the badge: what it certifies, when, and in grey when nobody signed it."""
    left, right = "wfconform", f"{level} · {issued_on}" + ("" if signed else " · unsigned")
    widths = [round(len(text) * _CHAR_PX) + 2 * _PAD_PX for text in (left, right)]
    total = sum(widths)
    label = escape(f"{left}: {right}")
    texts = (
        f'<text x="{widths[0] / 2:g}" y="14">{escape(left)}</text>'
        f'<text x="{widths[0] + widths[1] / 2:g}" y="14">{escape(right)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="20" role="img" aria-label="{label}">'
        f"<title>{label}</title>"
        f'<rect width="{widths[0]}" height="20" fill="#24292f"/>'
        f'<rect x="{widths[0]}" width="{widths[1]}" height="20" fill="{_COLOURS[signed]}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">{texts}</g>'
        "</svg>\n"
    )
