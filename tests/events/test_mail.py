"""Which addresses a mail has, and which of them are external."""

import polars as pl
import pytest

from itd_lightning.contracts.events import Kind
from itd_lightning.events.mail import (
    COPIED,
    DIRECT,
    RECIPIENTS,
    addresses,
    company_domains,
    count_addresses,
    count_external,
    external_domains,
    is_external,
)

COMPANY = ["corp.example"]


def mail(recipients: str | None, kind: str = "email_send") -> pl.DataFrame:
    """Return one mail."""
    return pl.DataFrame({"kind": [kind], "object": [recipients]}, schema={"kind": Kind, "object": pl.String})


def people(*emails: str | None) -> pl.DataFrame:
    """Return a directory of these addresses."""
    return pl.DataFrame({"email": emails}, schema={"email": pl.String})


def test_the_company_is_where_a_tenth_of_the_people_have_their_address() -> None:
    usual = [f"{number}@Corp.example" for number in range(80)]
    sister = [f"{number}@sister.example" for number in range(10)]
    assert company_domains(people(*usual, *sister, "odd@gmail.com", "c++(.com", None)) == [
        "corp.example",
        "sister.example",
    ]


def test_many_entries_of_one_person_are_one_address() -> None:
    usual = [f"{number}@corp.example" for number in range(20)]
    assert company_domains(people(*usual, *["odd@gmail.com"] * 20)) == COMPANY


def test_without_people_no_domain_is_the_companys_and_every_address_is_external() -> None:
    assert company_domains(None) == company_domains(people(None)) == []
    assert mail("a@corp.example").select(is_external([])).item() is True


def test_the_company_of_published_code_is_certs_whatever_the_directory() -> None:
    assert company_domains(people("a@corp.example"), "cert") == company_domains(None, "cert") == ["dtaa.com"]


@pytest.mark.parametrize(
    ("recipients", "domains"),
    [
        ("a@corp.example;B@CORP.Example", []),
        ("a@corp.example;b@gmail.com", ["gmail.com"]),
        ("a@corp.example;;b@gmail.com", ["gmail.com"]),
        (";;b@gmail.com", ["gmail.com"]),
        ("a@corp.example.evil.org", ["corp.example.evil.org"]),
        ("a@sub.corp.example", ["sub.corp.example"]),
        ("a@corp.example@evil.org", ["corp.example@evil.org"]),
        ("Ann <a@corp.example>, Bob <b@x.org>", ["x.org"]),
        ("a@corpxexample", ["corpxexample"]),
        ("nobody", []),
        ("", []),
        (None, []),
    ],
)
def test_an_address_is_external_if_its_domain_is_none_of_the_companys(
    recipients: str | None, domains: list[str]
) -> None:
    row = mail(recipients).select(
        domains=external_domains(COMPANY), count=count_external(COMPANY), any=is_external(COMPANY)
    )
    assert row.row(0) == (domains, len(domains), bool(domains))


def test_direct_recipients_and_copies_are_told_apart() -> None:
    row = mail("a@Corp.example;x@gmail.com;;b@corp.example;y@b.org;z@c.org")
    assert row.select(addresses(DIRECT)).item().to_list() == ["a@corp.example", "x@gmail.com"]
    counts = [count_addresses(part) for part in (RECIPIENTS, DIRECT, COPIED)]
    external = [count_external(COMPANY, part) for part in (RECIPIENTS, DIRECT, COPIED)]
    assert [row.select(one).item() for one in counts] == [5, 2, 3]
    assert [row.select(one).item() for one in external] == [3, 1, 2]


def test_what_is_no_mail_has_no_recipients() -> None:
    page = mail("http://x@gmail.com", "http_visit")
    assert page.select(count_addresses(), external=is_external([])).row(0) == (0, False)
