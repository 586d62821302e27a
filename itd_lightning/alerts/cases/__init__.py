"""Cases: the alerts of a user, what analysts decided about them, and what is still to be sent."""

from importlib.util import find_spec

from itd_lightning.contracts.errors import InputError

__all__ = ["risk", "rows", "schema", "store"]

for _library in ("sqlalchemy", "alembic"):
    if find_spec(_library) is None:
        raise InputError(f"cases need {_library}: pip install 'itd-lightning[watch]'")
