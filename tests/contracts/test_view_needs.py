"""What the needs of views promise."""

from pathlib import Path

import yaml

import itd_lightning.views
from itd_lightning.contracts.events import KINDS
from itd_lightning.contracts.view_needs import VIEW_METHODS, VIEW_NEEDS, missing_kinds
from itd_lightning.views import View


def test_every_view_names_kinds_of_events() -> None:
    offers = vars(itd_lightning.views).values()
    views = {
        one.name for one in offers if isinstance(one, type) and issubclass(one, View) and one is not View
    }
    assert set(VIEW_NEEDS) == views
    assert {kind for needs in VIEW_NEEDS.values() for kind in needs} <= set(KINDS)


def test_the_methods_of_a_view_are_those_of_the_configs() -> None:
    found: dict[str, tuple[list[str], list[str]]] = {view: ([], []) for view in VIEW_NEEDS}
    for path in sorted((Path(__file__).parents[2] / "configs").glob("*.yaml")):
        data = yaml.safe_load(path.read_text("utf-8"))["data"]
        labelled = bool(data["init_args"]["split"].get("init_args", {}).get("shown"))
        found[data["class_path"].lower()][labelled].append(path.stem)
    assert {view: (tuple(free), tuple(bound)) for view, (free, bound) in found.items()} == VIEW_METHODS


def test_a_view_that_lacks_a_kind_names_it() -> None:
    missing = missing_kinds({"logon", "http_visit"})
    assert missing["windows"] == ["logoff", "connect", "disconnect", "email_send", "file_copy"]
    assert missing["days"] == []
