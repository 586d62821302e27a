"""What the needs of views promise."""

import itd_lightning.views
from itd_lightning.contracts.events import KINDS
from itd_lightning.contracts.view_needs import VIEW_NEEDS, missing_kinds
from itd_lightning.views import View


def test_every_view_names_kinds_of_events() -> None:
    offers = vars(itd_lightning.views).values()
    views = {
        one.name for one in offers if isinstance(one, type) and issubclass(one, View) and one is not View
    }
    assert set(VIEW_NEEDS) == views
    assert {kind for needs in VIEW_NEEDS.values() for kind in needs} <= set(KINDS)


def test_a_view_that_lacks_a_kind_names_it() -> None:
    missing = missing_kinds({"logon", "http_visit"})
    assert missing["windows"] == ["logoff", "connect", "disconnect", "email_send", "file_copy"]
    assert missing["days"] == []
