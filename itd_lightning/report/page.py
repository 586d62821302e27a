"""Runs -> one HTML file that needs nothing else and asks nobody for anything.

Whatever comes from logs (user names above all) is text: Jinja escapes it in HTML, ``script_json`` in the
figures' data, and ``figures.plain`` in Plotly's labels. The policy in the page's head names our two scripts
by hash, so that nothing else would run even if it got in.
"""

from base64 import b64encode
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from itd_lightning.alerts.behaviours import OBJECT, shorten
from itd_lightning.alerts.lists import ranked_days, with_reasons
from itd_lightning.contracts.files import written_beside
from itd_lightning.report.parts.figures import Figure, Panel, colour, dash, precision_recall
from itd_lightning.report.parts.numbers import DASH
from itd_lightning.report.parts.template import asset, template
from itd_lightning.report.runs import Run, read_runs
from itd_lightning.report.sections.budgets import daily_table, operating_table, share_table
from itd_lightning.report.sections.comparison import Comparison, comparison
from itd_lightning.report.sections.embeddings import embeddings
from itd_lightning.report.sections.heatmaps import Window, explained
from itd_lightning.report.sections.losses import losses
from itd_lightning.report.sections.modes import decomposition
from itd_lightning.report.sections.tables import about_table, ranking_tables
from itd_lightning.report.sections.timelines import timelines
from itd_lightning.report.sections.trajectories import pictures
from itd_lightning.report.sections.verdict import audit_rows, verdict

# Inside a script element only these could end it, or a line of JavaScript.
IN_SCRIPT = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


class Details(NamedTuple):
    """What is shown of each run by itself."""

    run: Run
    timelines: Figure
    pictures: Figure
    modes: Figure
    windows: list[tuple[Window, Figure]]
    behaviours: list[dict[str, Any]]
    days: list[dict[str, Any]]
    losses: Figure
    embeddings: Figure


class Plots:
    """Numbers the plots in the order in which the template places them, and keeps what Plotly draws."""

    def __init__(self) -> None:
        self.specs: list[str] = []

    def place(self, panel: Panel) -> str:
        """Take a plot; its element's id."""
        self.specs.append(panel.figure.to_json())
        return f"plot-{len(self.specs) - 1}"

    def data(self) -> Markup:
        """All plots placed so far, for a script element."""
        return script_json(f"[{','.join(self.specs)}]")


def write_report(runs: list[Path], out: Path, user: str = "") -> Path:
    """Write one page about one or several runs.

    Args:
        runs: Folders of runs that were tested and evaluated.
        out: Folder to write ``report.html`` into; made if need be.
        user: Whose trajectory is drawn, where a run has any; the highest scorer's, if not given.

    Returns:
        The page's path.

    Raises:
        InputError: If a run lacks its scores or its evaluation, or a file of it is damaged.
    """
    folders = [Path(run) for run in runs]
    found = read_runs(folders)
    page = render(found, user, comparison(found, folders))
    final = Path(out) / "report.html"
    with written_beside(final) as partial:
        partial.write_bytes(page.encode("utf-8", "replace"))  # JSON may hold half a character, UTF-8 may not
    return final


def render(runs: list[Run], user: str = "", compared: Comparison | None = None) -> str:
    """The page's HTML."""
    plotly, draw = (text.replace("\r", "") for text in (get_plotlyjs(), asset("draw.js")))
    return template("page.html").render(
        title=title(runs),
        runs=runs,
        lines=[
            {"name": run.name, "colour": colour(place), "dash": svg_dash(place)}
            for place, run in enumerate(runs)
        ],
        comparison=compared,
        verdicts=[verdict(run) for run in runs],
        about=about_table(runs),
        ranking=ranking_tables(runs),
        small=[operating_table(runs), share_table(runs), daily_table(runs)],
        audits=audit_rows(runs),
        curves=precision_recall(runs),
        details=[details(run, user) for run in runs],
        plots=Plots(),
        policy=policy(plotly, draw),
        plotly=Markup(plotly),
        draw=Markup(draw),
    )


def title(runs: list[Run]) -> str:
    """What the page is about, in one line."""
    methods = list(dict.fromkeys(run.about.method for run in runs))
    if len(runs) == 1:
        return f"{methods[0]}: {runs[0].name}"
    return (
        f"{len(runs)} runs of {methods[0]}"
        if len(methods) == 1
        else f"{len(runs)} runs compared: {', '.join(methods)}"
    )


def details(run: Run, user: str = "") -> Details:
    """What is shown of one run by itself."""
    days = with_reasons(ranked_days(run.days, count=10), run.rows, run.about, run.explanations)
    rows = [
        {**row, "campaign": campaign_on(run, row["user"], row["day"])} for row in days.iter_rows(named=True)
    ]
    drawn = timelines(run), pictures(run, user), decomposition(run, user)
    learned = losses(run), embeddings(run)
    return Details(run, *drawn, explained(run), behaviours(run), rows, *learned)


def behaviours(run: Run) -> list[dict[str, Any]]:
    """The behaviours to look at first, as rows of a table; empty for other units."""
    known = run.behaviours if run.truth.behaviours is None else run.truth.behaviours
    if known is None:
        return []
    answers = {True: "yes", False: "no", None: DASH}
    return [
        {
            **row,
            "object": shorten(row["object"] or DASH, OBJECT),
            "malicious": answers[row.get("malicious")],
        }
        for row in known.iter_rows(named=True)
    ]


def campaign_on(run: Run, user: str, day: date) -> str:
    """The scenario of the campaign that runs on a user's day, or an empty text."""
    running = (
        f"scenario {campaign['scenario']}"
        for campaign in run.evaluation.get("campaigns", [])
        if campaign["user"] == user
        and str(campaign["start"])[:10] <= day.isoformat() <= str(campaign["end"])[:10]
    )
    return next(running, "")


def svg_dash(place: int) -> str:
    """A run's dash as SVG writes it."""
    return "" if dash(place) == "solid" else dash(place).replace("px", "")


def script_json(text: str) -> Markup:
    """JSON that cannot leave its script element."""
    return Markup(text.translate(IN_SCRIPT))


def policy(*scripts: str) -> str:
    """Content security policy: nothing from anywhere, and of scripts only these.

    Plotly sets styles from its script, and paints heat maps as data images.
    """
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
