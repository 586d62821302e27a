"""Mail: the company's domains, the recipients of a mail, and which of these addresses are external."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

from itd_lightning.contracts.events import COPIES, FAMILIES

Company = Literal["directory", "cert"]
CERT_DOMAINS = ("dtaa.com",)  # the company of all CERT releases
_DIRECTORY_SHARE = 10  # one of so many addresses in the directory makes a domain the company's

MAIL_KINDS = FAMILIES["email"]
IS_MAIL = pl.col("kind").is_in(MAIL_KINDS)
_ADDRESS = r"[^@;,\s<>]*@[^;,\s<>]+"

# Recipients of a mail in lower case, "" for other events, whose texts then need not be searched.
RECIPIENTS = pl.when(IS_MAIL).then("object").fill_null("").str.to_lowercase()
DIRECT, COPIED = (
    RECIPIENTS.str.splitn(COPIES, 2).struct.field(part).fill_null("") for part in ("field_0", "field_1")
)


def company_domains(people: pl.DataFrame | None, company: Company = "directory") -> list[str]:
    """Return the mail domains of the company, in lower case, sorted.

    Args:
        people: The store's people, or None.
        company: ``directory``: the domains of at least a tenth of the addresses in the store's people table,
            since a private address in a directory makes its provider no part of the company. Without people
            no domain is known, and every address is external. ``cert``: the domain of the CERT releases, for
            code that was published with it.
    """
    if company == "cert":
        return list(CERT_DOMAINS)
    if people is None:
        return []
    address = people.select(address=pl.col("email").str.to_lowercase()).unique()
    domains = address.select(domain=pl.col("address").str.extract("@(.+)$")).drop_nulls()
    common = domains.group_by("domain").len().filter(pl.col("len") * _DIRECTORY_SHARE >= len(domains))
    return sorted(common["domain"])


def addresses(recipients: pl.Expr = RECIPIENTS) -> pl.Expr:
    """Return the list of addresses in a text of recipients: all, ``DIRECT`` or ``COPIED`` ones."""
    return recipients.str.extract_all(_ADDRESS)


def count_addresses(recipients: pl.Expr = RECIPIENTS) -> pl.Expr:
    """Return the number of addresses."""
    return recipients.str.count_matches(_ADDRESS)


def external_domains(company: Sequence[str], recipients: pl.Expr = RECIPIENTS) -> pl.Expr:
    """Return the list of domains of external addresses: those outside of the company's domains.

    Args:
        company: As ``company_domains`` returns them. A subdomain is a domain of its own.
        recipients: All of a mail, copies included, or ``DIRECT`` or ``COPIED`` ones.
    """
    domain = pl.element().str.extract("@(.+)$")
    return addresses(recipients).list.eval(domain.filter(~domain.is_in(list(company))))


def count_external(company: Sequence[str], recipients: pl.Expr = RECIPIENTS) -> pl.Expr:
    """Return the number of external addresses."""
    return external_domains(company, recipients).list.len()


def is_external(company: Sequence[str], recipients: pl.Expr = RECIPIENTS) -> pl.Expr:
    """Return whether any recipient is external; false for whatever is no mail."""
    return count_external(company, recipients) > 0
