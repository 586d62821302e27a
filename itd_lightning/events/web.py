"""Web pages: kinds of page events, the site and the domain of a page, and what sort of site it is."""

import polars as pl

from itd_lightning.contracts.events import FAMILIES

PAGE_KINDS = FAMILIES["http"]
IS_PAGE = pl.col("kind").is_in(PAGE_KINDS)

_URL = pl.when(IS_PAGE).then("object")
_START = r"^(?:\w+://)?(?:[^/@?#]*@)?(?:www\.)?"  # scheme, account and www are no part of a site
SITE = _URL.str.to_lowercase().str.extract(_START + r"([^/:?#]+)")
# Names reach a prompt, and whoever is watched may choose them: so only what a proper name can hold.
_NAME = r"[\p{L}\p{N}_-]+"
PROPER_SITE = _URL.str.to_lowercase().str.extract(rf"{_START}({_NAME}(?:\.{_NAME})*)(?::\d+)?(?:[/?#]|$)")
URL_LENGTH = _URL.str.len_chars()
URL_DEPTH = (_URL.str.count_matches("/", literal=True).cast(pl.Int64) - 2).clip(0)

# Sites and rules of the code by Le, Zincir-Heywood and Heywood, TNSM 2020.
_SITE_TYPES = {
    "cloud": "dropbox.com drive.google.com mega.co.nz account.live.com",
    "leak": "wikileaks.org freedom.press theintercept.com",
    "social": "facebook.com twitter.com plus.google.com instagr.am instagram.com flickr.com linkedin.com "
    "reddit.com about.com youtube.com pinterest.com tumblr.com quora.com vine.co match.com t.co",
    "job": "indeed.com monster.com careerbuilder.com simplyhired.com",
    "hack": "webwatchernow.com actionalert.com relytec.com refog.com wellresearchedreviews.com "
    "softactivity.com spectorsoft.com best-spy-soft.com",
}
_TYPE_OF_DOMAIN = {domain: name for name, domains in _SITE_TYPES.items() for domain in domains.split()}
_LONG_DOMAIN = r"google\.com|\.co\.uk|\.co\.nz|live\.com"  # domains of more than their last two labels
_JOB_HUNT = r"job.*(?:hunt|search)|(?:hunt|search).*job"


def domain(site: pl.Expr) -> pl.Expr:
    """Return the domain of a site: its last two labels, or all where two name nobody."""
    last_two = site.str.extract(r"([^.]+\.[^.]+)$").fill_null(site)
    return pl.when(site.str.contains(_LONG_DOMAIN)).then(site).otherwise(last_two)


def site_type(domain: pl.Expr) -> pl.Expr:
    """Return the type of a site, a key of ``_SITE_TYPES`` or ``other``, by the domain of each page."""
    job = domain.str.contains("aol.com", literal=True) & _URL.str.to_lowercase().str.contains("recruit|job")
    return (
        pl.coalesce(
            domain.replace_strict(_TYPE_OF_DOMAIN, default=None, return_dtype=pl.String),
            pl.when(domain.str.contains(_JOB_HUNT) | job).then(pl.lit("job")),
            pl.when(domain.str.contains("keylog", literal=True)).then(pl.lit("hack")),
        )
        .fill_null("other")
    )  # fmt: skip
