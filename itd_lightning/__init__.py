"""Insider threat detection: from activity logs to ranked, explained and audited user-days.

>>> import itd_lightning as itd  # doctest: +SKIP
>>> run = itd.fit("configs/mask_value.yaml", store="store", out="runs/first")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from itd_lightning.api import (
        audit,
        evaluate,
        fit,
        list_alerts,
        load_scores,
        predict,
        prepare,
        test,
        write_report,
    )
    from itd_lightning.contracts.errors import InputError
    from itd_lightning.store.read import Store

    __version__: str

__all__ = [
    "InputError",
    "Store",
    "__version__",
    "audit",
    "evaluate",
    "fit",
    "list_alerts",
    "load_scores",
    "predict",
    "prepare",
    "test",
    "write_report",
]

_HOMES = {"InputError": "itd_lightning.contracts.errors", "Store": "itd_lightning.store.read"}


def __getattr__(name: str) -> Any:  # noqa: ANN401  # each name has its own type, see above
    """Return a public name, imported when it is first asked for.

    ``python -m`` comes here before ``__main__``, which has the import path to settle first.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        return version("itd-lightning")
    return getattr(import_module(_HOMES.get(name, "itd_lightning.api")), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
