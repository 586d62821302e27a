"""The kinds of events that each view needs, for ``itd inspect``.

They stand here and not in the classes of the views: these load PyTorch, which takes seconds, and to look into
a store must not.
"""

from collections.abc import Collection

# Kinds of which a view needs at least one event each.
VIEW_NEEDS: dict[str, tuple[str, ...]] = {
    "windows": ("logon", "connect", "http_visit", "email_send", "file_copy"),
    "sequences": ("logon", "logoff"),
    "signals": (),
    "days": (),
    "trajectories": ("logon",),
    "narratives": (),
}


def missing_kinds(kinds: Collection[str]) -> dict[str, list[str]]:
    """Return, for each view, the kinds of events that it needs and that a store lacks.

    Args:
        kinds: Kinds of which the store holds an event.

    Example:
        >>> missing_kinds(["logon"])["sequences"]
        ['logoff']
    """
    return {view: [kind for kind in needs if kind not in kinds] for view, needs in VIEW_NEEDS.items()}
