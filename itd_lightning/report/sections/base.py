"""Base of the page's sections: a section decides whether it applies, and renders itself."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from markupsafe import Markup

from itd_lightning.report.parts.figures import Figure, Panel
from itd_lightning.report.parts.template import template
from itd_lightning.report.runs import Run


class Page:
    """State that sections share: the user of the pictures, and the plots placed so far.

    Args:
        user: Whose pictures are drawn; those of the highest scorer if it is empty.
    """

    def __init__(self, user: str = "") -> None:
        self.user = user
        self.plots: list[str] = []

    def place(self, panel: Panel) -> str:
        """Store a Plotly plot and return the id of its element; templates call it."""
        self.plots.append(panel.figure.to_json())
        return f"plot-{len(self.plots) - 1}"

    def fragment(self, name: str, runs: Sequence[Run], **values: object) -> Markup:
        """Render the template ``templates/sections/NAME.html``."""
        return Markup(template(f"sections/{name}.html").render(runs=runs, page=self, **values))

    def figures(self, runs: Sequence[Run], *figures: Sequence[Figure]) -> Markup:
        """Render one or several figures of each run, below the run's name where there are several runs."""
        return self.fragment(
            "figures", runs, entries=list(zip(runs, zip(*figures, strict=True), strict=True))
        )


class Section(ABC):
    """A section of the page.

    Attributes:
        anchor: Id of its heading.
        link: Its name in the navigation.
        title: Its heading.
    """

    anchor: ClassVar[str]
    link: ClassVar[str]
    title: ClassVar[str]

    def applies(self, runs: Sequence[Run]) -> bool:
        """Return whether the page of these runs has the section."""
        return True

    @abstractmethod
    def render(self, runs: Sequence[Run], page: Page) -> Markup:
        """Return the HTML below the heading."""
