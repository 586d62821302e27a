"""A map of learned embeddings: similar behaviours lie close together."""

import importlib.util
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import polars as pl
from jaxtyping import Float
from markupsafe import Markup

from itd_lightning.report.parts.figures import COLOURS, Figure, Panel, canvas, plain
from itd_lightning.report.runs import Run
from itd_lightning.report.sections.base import Page, Section

_MIN_BEHAVIOURS = 8  # behaviours; a map of fewer says nothing
NORMAL, MALICIOUS, SPHERE = "#9a9a9a", "#D55E00", COLOURS[0]


class Embeddings(Section):
    """A map of each run whose method embeds behaviours."""

    anchor, link, title = "map", "What was learned", "What was learned"

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether any run has enough embedded behaviours."""
        return any(_is_mapped(run) for run in runs)

    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Render one map a run."""
        return page.figures(runs, [_embeddings(run) for run in runs])


def _is_mapped(run: Run) -> bool:
    """Return whether a run has embeddings of enough behaviours for a map."""
    return run.embeddings is not None and run.embeddings["user"].count() >= _MIN_BEHAVIOURS


def _embeddings(run: Run) -> Figure:
    """Return the behaviours as dots, malicious ones in orange, centres of spheres as blue crosses."""
    table = run.embeddings
    if table is None or not _is_mapped(run):
        return Figure("map", "", [])
    if importlib.util.find_spec("openTSNE") is None:
        return Figure("map", "", [], "a map needs `pip install itd-lightning[embeddings]`")
    points = table.with_columns(_map_coordinates(np.array(table["vector"].to_list())))
    figure = canvas({"showticklabels": False, "ticks": ""}, {"showticklabels": False, "ticks": ""})
    behaviours = points.drop_nulls("user")
    malicious = pl.col("malicious").fill_null(value=False)
    _add_points(figure, behaviours.filter(~malicious), {"color": NORMAL, "size": 4, "opacity": 0.6})
    _add_points(figure, points.filter(pl.col("user").is_null()), {"color": SPHERE, "size": 9, "symbol": "x"})
    _add_points(figure, behaviours.filter(malicious), {"color": MALICIOUS, "size": 7})
    spheres, count = len(points) - len(behaviours), behaviours.filter(malicious).height
    caption = (
        f"{len(behaviours):,} test behaviours, of the sequences that score highest and of others, by t-SNE "
        "of what the method makes of each: where orange dots lie apart from grey ones, it tells them apart"
    )
    marks = f"; blue crosses: the centres of {spheres} spheres" if spheres else ""
    legend = f"; orange: {count} malicious ones" if run.truth.labelled_units is not None else ""
    return Figure("map", f"{caption}{marks}{legend}.", [Panel("", figure)])


def _map_coordinates(vectors: Float[np.ndarray, "n d"]) -> list[pl.Series]:
    """Return two coordinates of each vector that keep neighbours close; deterministic."""
    from openTSNE import TSNE

    perplexity = min(30, (len(vectors) - 1) // 3)
    place = np.asarray(TSNE(perplexity=perplexity, random_state=0, n_jobs=1).fit(vectors.astype(float)))
    return [pl.Series("x", place[:, 0]), pl.Series("y", place[:, 1])]


def _add_points(figure: go.Figure, points: pl.DataFrame, marker: dict[str, object]) -> None:
    """Draw one sort of points."""
    text = [
        "centre of a sphere" if user is None else f"{plain(user)}, {start:%d %b %Y, %H:%M}"
        for user, start in points.select("user", "start").iter_rows()
    ]
    x, y = points["x"].to_list(), points["y"].to_list()
    hover = {"hovertext": text, "hovertemplate": "%{hovertext}<extra></extra>"}
    figure.add_scatter(x=x, y=y, mode="markers", marker=marker, **hover)
