"""The page templates and what ships beside them."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from itd_lightning.report.numbers import number

TEMPLATES = "templates"


def template(name: str) -> Template:
    """A template, in which every text is escaped, and ``style`` is the pages' common one."""
    environment = Environment(
        loader=PackageLoader("itd_lightning.report", TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    return environment.get_template(name, globals={"style": Markup(asset("page.css"))})


def asset(name: str) -> str:
    """A file that ships beside the templates."""
    return files("itd_lightning.report").joinpath(TEMPLATES, name).read_text("utf-8")
