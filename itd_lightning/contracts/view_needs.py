"""The kinds of events that each view tells apart, for ``itd inspect`` and ``itd check``.

They stand here and not in the classes of the views: these load PyTorch, which takes seconds, and to look into
a store must not.
"""

from collections.abc import Collection

_PUBLISHED = ("logon", "logoff", "connect", "disconnect", "http_visit", "email_send", "file_copy")
# Kinds of which a view has features of its own. It can be built without any of them: these are left out then.
VIEW_NEEDS: dict[str, tuple[str, ...]] = {
    "windows": _PUBLISHED,
    "sequences": ("logon", "logoff"),  # else sessions begin with any act, and end where none follows
    "signals": (),
    "days": (),
    "trajectories": _PUBLISHED,
    "narratives": (),
}


def missing_kinds(kinds: Collection[str]) -> dict[str, list[str]]:
    """Return, for each view, the kinds of events that it has features of and that a store does not record.

    Args:
        kinds: Kinds that the store records.

    Example:
        >>> missing_kinds(["logon"])["sequences"]
        ['logoff']
    """
    return {view: [kind for kind in needs if kind not in kinds] for view, needs in VIEW_NEEDS.items()}


def view_line(view: str, missing: Collection[str]) -> str:
    """Return what a person reads about a view of a store or a mapping."""
    without = f", without what it makes of {', '.join(missing)}" if missing else ""
    return f"view {view}: can be built{without}"
