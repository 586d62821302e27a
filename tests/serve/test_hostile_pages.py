"""Text from logs, and of analysts, stays text on every page."""

from pathlib import Path
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.store import CaseStore
from itd_lightning.serve.company import Company
from tests.alerts.cases.handmade_alerts import DAY, make_alert, make_day
from tests.report.test_hostile_text import PAYLOADS, tags
from tests.serve.handmade_pages import make_site, make_store

__all__ = ["fill"]


def fill(folder: Path, text: str, user: str | None = None) -> tuple[CaseStore, Company, dict[str, str]]:
    """Return a case store and an event store that hold a text wherever they can, and their pages."""
    user = text if user is None else user
    cases = CaseStore.open(folder / "cases.sqlite")
    evidence = [{"feature": text, "seen": 7.0, "usual": 0.25}]
    alert = make_alert(
        user,
        evidence=evidence,
        reasons=[text],
        event_ids=[text, "{E1}"],
        method=text,
        checkpoint=text,
        source=text,
    )
    cases.add_day(make_day(DAY, text, checkpoint=text), [alert])
    cases.acknowledge(1, text[:80], text)
    cases.log_unmasking(1, user, text, text)
    cases.end_run(cases.begin_run(text), "failed", text)
    company = Company(make_store(folder / "store", user, text), texts=True)
    name = urlencode({"deployment": text, "name": user})
    pages = {"queue": "/?state=all", "case": "/case/1?done=1", "user": f"/user?{name}", "runs": "/runs"}
    return cases, company, pages


def answers(folder: Path, text: str) -> dict[str, str]:
    """Return every page over stores that hold a text."""
    cases, company, pages = fill(folder, text)
    with cases:
        client: TestClient = make_site(cases, company).enter(text)
        texts = {name: client.get(page).text for name, page in pages.items()}
        query = urlencode({"user": text, "deployment": text})
        texts["search"] = client.get(f"/?{query}").text
        texts["find"] = client.get(f"/case/1?{urlencode({'find': text})}").text
        texts["no list"] = client.get(f"/?{urlencode({'state': text})}").text
        texts["no user"] = client.get(f"/user?{urlencode({'name': text + 'x'})}").text
    return texts


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the tags of every page over harmless texts."""
    return {name: tags(page) for name, page in answers(tmp_path_factory.mktemp("benign"), "harmless").items()}


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_no_text_becomes_markup_on_any_page(
    tmp_path: Path, benign: dict[str, list[str]], payload: str
) -> None:
    for name, page in answers(tmp_path, payload).items():
        assert tags(page) == benign[name], name
