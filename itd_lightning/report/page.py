"""The report page: one HTML file about runs that loads nothing else.

Whatever comes from logs (user names above all) is text: Jinja escapes it in HTML, ``script_json`` in the
figures' data, and ``figures.plain`` in Plotly's labels. The policy in the page's head names our two scripts
by hash, so that nothing else would run even if it got in. Plotly lies in the page packed, as data, and
``draw.js`` unpacks it.
"""

import gzip
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup
from plotly.offline import get_plotlyjs

from itd_lightning.contracts.files import atomic_file
from itd_lightning.report.parts.template import asset, binary_asset, template
from itd_lightning.report.parts.verdict import verdict
from itd_lightning.report.runs import Run, read_runs
from itd_lightning.report.sections import SECTIONS, Page

_CARTESIAN = "plotly-cartesian.min.js.gz"  # as distributed under the name plotly.js-cartesian-dist-min
_SPATIAL = '"type":"scatter3d"'
# Inside a script element only these could end it, or a line of JavaScript.
_IN_SCRIPT = {ord(char): f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}


def write_report(runs: list[Path], out: Path, user: str = "") -> Path:
    """Write one page about one or several runs.

    Args:
        runs: Folders of runs that were tested and evaluated.
        out: Folder to write ``report.html`` into; made if need be.
        user: Whose pictures are drawn, where a run has any; the highest scorer's, if not given.

    Returns:
        Path of the page.

    Raises:
        InputError: If a run lacks its scores or its evaluation, or a file of it is damaged.
    """
    page = _render(read_runs([Path(run) for run in runs]), user)
    final = Path(out) / "report.html"
    with atomic_file(final) as partial:
        partial.write_bytes(page.encode("utf-8", "replace"))  # JSON may hold half a character, UTF-8 may not
    return final


def _render(runs: list[Run], user: str = "") -> str:
    """Return the page's HTML."""
    page = Page(user)
    sections = [(section, section.render(runs, page)) for section in SECTIONS if section.applies(runs)]
    plotly, draw = _plotly(page.plots), asset("draw.js").replace("\r", "")
    return template("page.html").render(
        title=_title(runs),
        runs=runs,
        verdicts=[verdict(run) for run in runs],
        sections=sections,
        figures=script_json(f"[{','.join(page.plots)}]"),
        policy=policy(plotly, draw),
        plotly=b64encode(gzip.compress(plotly.encode(), mtime=0)).decode(),
        draw=Markup(draw),
    )


def _plotly(plots: Sequence[str]) -> str:
    """Return the part of Plotly that draws these plots: all of it, 4.8 MB, for one in space only."""
    is_spatial = any(_SPATIAL in plot for plot in plots)
    text = get_plotlyjs() if is_spatial else gzip.decompress(binary_asset(_CARTESIAN)).decode()
    return text.replace("\r", "")


def _title(runs: list[Run]) -> str:
    """Return the title of the page, in one line."""
    methods = list(dict.fromkeys(run.about.method for run in runs))
    if len(runs) == 1:
        return f"{methods[0]}: {runs[0].name}"
    return (
        f"{len(runs)} runs of {methods[0]}"
        if len(methods) == 1
        else f"{len(runs)} runs compared: {', '.join(methods)}"
    )


def script_json(text: str) -> Markup:
    """Return JSON that cannot leave its script element."""
    return Markup(text.translate(_IN_SCRIPT))


def policy(*scripts: str) -> str:
    """Return the content security policy: no source is allowed but these scripts.

    Plotly sets styles from its script, and paints heat maps as data images.
    """
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
