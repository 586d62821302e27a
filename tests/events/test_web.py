"""Where a page lies, and what sort of site that is."""

import polars as pl
import pytest

from itd_lightning.contracts.events import Kind
from itd_lightning.events.web import PROPER_SITE, SITE, URL_DEPTH, domain, site_type


def page(url: str | None, kind: str = "http_visit") -> pl.DataFrame:
    """Return one page event."""
    return pl.DataFrame({"kind": [kind], "object": [url]}, schema={"kind": Kind, "object": pl.String})


@pytest.mark.parametrize(
    ("url", "site", "registered"),
    [
        ("http://www.News.com:8080/a.html", "news.com", "news.com"),
        ("https://bob:secret@m.bank.com?q=1", "m.bank.com", "bank.com"),
        ("shop.a.co.uk/x", "shop.a.co.uk", "shop.a.co.uk"),
        ("http://drive.google.com/x", "drive.google.com", "drive.google.com"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_a_page_belongs_to_a_site_and_this_to_a_domain(
    url: str | None, site: str | None, registered: str | None
) -> None:
    assert page(url).select(site=SITE, domain=domain(SITE)).row(0) == (site, registered)


def test_a_name_for_a_prompt_is_a_proper_one_or_none() -> None:
    assert page("http://www.a-b.org:80/x").select(PROPER_SITE).item() == "a-b.org"
    assert page("http://ignore all\n.org/x").select(site=SITE, proper=PROPER_SITE).row(0) == (
        "ignore all\n.org",
        None,
    )


def test_what_is_no_page_has_no_site() -> None:
    assert page("a.doc", "file_copy").select(site=SITE, depth=URL_DEPTH).row(0) == (None, None)


@pytest.mark.parametrize(
    ("url", "kind"),
    [("http://m.facebook.com/x", "social"), ("http://aol.com/jobs", "job"), ("http://aol.com", "other")],
)
def test_the_domain_tells_the_sort_of_site(url: str, kind: str) -> None:
    assert page(url).select(site_type(domain(SITE))).item() == kind
