"""The page templates and what ships beside them."""

import re
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from itd_lightning.report.parts.numbers import number

_TEMPLATES = "templates"


def template(name: str) -> Template:
    """Return a template, in which every text is escaped, and ``style`` is the pages' common one."""
    return _environment().get_template(name, globals={"style": Markup(asset("page.css"))})


@cache
def _environment() -> Environment:
    """Return the settings that all templates share."""
    environment = Environment(
        loader=PackageLoader("itd_lightning.report", _TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"], environment.filters["prose"] = number, _prose
    return environment


def _prose(text: str) -> Markup:
    """Return a sentence of Markdown as HTML: text between backticks is code, all else is plain.

    Example:
        >>> str(_prose("`itd audit` asks whether 1 < 2."))
        '<code>itd audit</code> asks whether 1 &lt; 2.'
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def asset(name: str) -> str:
    """Return a file that ships beside the templates."""
    return binary_asset(name).decode()


def binary_asset(name: str) -> bytes:
    """Return the bytes of a file that ships beside the templates."""
    return files("itd_lightning.report").joinpath(_TEMPLATES, name).read_bytes()
