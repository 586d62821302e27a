"""Nobody sees a page who was not let in, and no other site can act in the name of somebody who was."""

import pytest
from starlette.testclient import TestClient

from itd_lightning.alerts.cases.store import CaseStore
from tests.serve.handmade_pages import HOST, Site, form_key

PAGES = ("/", "/case/1", "/user?deployment=plant&name=user00", "/runs", "/nothing", "/case/1/close")


@pytest.mark.parametrize("page", PAGES)
def test_without_a_session_no_page_tells_anything(site: Site, page: str) -> None:
    client = site.visit()
    for cookie in ("", "wrong"):
        answer = client.get(page, headers={"cookie": f"itd_8321={cookie}"})
        assert answer.status_code == 403
        assert "user00" not in answer.text


def test_a_wrong_key_lets_nobody_in(site: Site) -> None:
    for key in ("", "wrong", site.keys[0][:-1], site.keys[0] + "x"):
        client = site.visit()
        assert client.get("/enter", params={"key": key}).status_code == 403
        assert client.post("/enter", data={"key": key, "name": "eve"}).status_code == 403
        assert client.get("/").status_code == 403


def test_a_link_lets_one_browser_in_and_another_link_is_announced(site: Site) -> None:
    assert site.enter().get("/").status_code == 200
    first, second = site.keys
    assert first != second
    late = site.visit()
    assert late.post("/enter", data={"key": first, "name": "eve"}).status_code == 403
    assert late.get("/").status_code == 403
    assert site.enter("bob").get("/").status_code == 200


def test_looking_at_a_link_does_not_use_it_up(site: Site) -> None:
    assert site.visit().get("/enter", params={"key": site.keys[0]}).status_code == 200
    assert len(site.keys) == 1


def test_the_cookie_is_for_this_site_and_no_script_reads_it(site: Site) -> None:
    answer = site.visit().post("/enter", data={"key": site.keys[0], "name": "ann"})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie


def test_signing_out_ends_the_session(site: Site) -> None:
    client = site.enter()
    cookie = client.cookies["itd_8321"]
    client.post("/leave", data={"form_key": form_key(client)})
    assert site.visit().get("/", headers={"cookie": f"itd_8321={cookie}"}).status_code == 403


@pytest.mark.parametrize(
    "host", ["evil.example", f"evil.example:{HOST[-4:]}", "127.0.0.1", "127.0.0.1:1", ""]
)
def test_a_page_of_another_name_for_this_machine_is_refused(site: Site, host: str) -> None:
    cookie = site.enter().cookies["itd_8321"]
    answer = site.visit().get("/", headers={"host": host, "cookie": f"itd_8321={cookie}"})
    assert answer.status_code == 400
    assert "user00" not in answer.text


@pytest.mark.parametrize("action", ["acknowledge", "close"])
@pytest.mark.parametrize("key", ["", "wrong", "of another session"])
def test_a_form_without_the_sessions_secret_changes_nothing(
    site: Site, cases: CaseStore, action: str, key: str
) -> None:
    client, other = site.enter(), site.enter("bob")
    secret = form_key(other) if key == "of another session" else key
    values = {"form_key": secret, "verdict": "benign", "reason": "because"}
    assert client.post(f"/case/1/{action}", data=values).status_code == 403
    assert cases.case(1).actions == []


@pytest.mark.parametrize(
    "header", [{"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}]
)
def test_a_form_of_another_site_changes_nothing(
    client: TestClient, cases: CaseStore, header: dict[str, str]
) -> None:
    values = {"form_key": form_key(client)}
    assert client.post("/case/1/acknowledge", data=values, headers=header).status_code == 403
    assert cases.case(1).actions == []


def test_a_form_that_is_too_long_is_refused_before_it_is_read(client: TestClient) -> None:
    assert client.post("/case/1/close", data={"reason": "x" * 30_000}).status_code == 413


@pytest.mark.parametrize("page", [*PAGES, "/enter", "/static/app.js", "/static/none"])
def test_every_answer_forbids_scripts_and_frames_of_others_and_is_kept_nowhere(
    site: Site, client: TestClient, page: str
) -> None:
    for browser in (client, site.visit()):
        headers = browser.get(page).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"


def test_no_page_has_a_script_or_a_style_of_its_own(client: TestClient) -> None:
    for page in PAGES:
        text = client.get(page).text
        assert text.count("<script") == text.count('<script src="/static/app.js" defer></script>') == 1
        assert "style=" not in text
        assert " on" not in {part[:3] for part in text.split("<")}
