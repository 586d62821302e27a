"""The analyst's local web pages: the queue of cases, users, raw events, runs; on this machine by default."""

from importlib.util import find_spec

from itd_lightning.contracts.errors import InputError

__all__ = ["server"]

for _library in ("starlette", "uvicorn", "python_multipart", "sqlalchemy", "alembic"):
    if find_spec(_library) is None:
        _name = _library.replace("_", "-")
        raise InputError(f"`itd serve` needs {_name}: pip install 'itd-lightning[watch]'")
