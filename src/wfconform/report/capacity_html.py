"""The HTML report of a capacity run: one file without script, the knee drawn, the steps as a table."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from wfconform.report.capacity import CapacityReport, details, exit_meaning, sentence
from wfconform.report.capacity_chart import capacity_chart, limit_ms
from wfconform.report.text import plain


def render(report: CapacityReport) -> str:
    """Return the page."""
    environment = Environment(
        loader=PackageLoader("wfconform.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    chart = capacity_chart(report.capacity)
    return environment.get_template("capacity.html.j2").render(
        style=Markup(files("wfconform.report").joinpath("templates/report.css").read_text("utf-8")),  # noqa: S704 - ours
        target=plain(str(report.target.get("base_url", ""))),
        sentence=plain(sentence(report.capacity)),
        tone="good" if report.capacity.exit_code == 0 else "bad",
        exit_meaning=exit_meaning(report.capacity),
        begun=report.started_at,
        seed=report.seed,
        spent_s=report.capacity.spent_s,
        chart=chart,
        svg=Markup(chart.svg),  # noqa: S704 - drawn here, its texts are escaped by matplotlib
        lines=[plain(line.removeprefix("- ")) for line in (*details(report.capacity), *report.notes)],
        limits=", ".join(plain(slo.expression) for slo in report.capacity.slo if limit_ms(slo.expression) is not None),
        fits=report.capacity.model.fits,
        slos=report.capacity.slo,
    )
