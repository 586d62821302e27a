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

# Configs of the methods that read each view: those that learn without labels, and those that need some.
VIEW_METHODS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "windows": (("mask_value",), ()),
    "sequences": (
        (),
        (
            "bst",
            "deeplog",
            "dien",
            "fmlp",
            "gru",
            "itdbert",
            "linear_bag",
            "m_fmlp",
            "m_gru",
            "m_lstm",
            "m_rnn",
            "m_transformer",
            "oc4seq",
            "rmsl",
            "rnn",
            "rwkv",
            "tiresias",
            "transformer",
        ),
    ),
    "signals": ((), ("log2sig",)),
    "days": (
        ("ecod", "isolation_forest", "ocsvm", "own_history_z"),
        ("cate", "lan", "logistic_regression", "svm", "transformer_days", "xgboost", "xgboost_own_history"),
    ),
    "trajectories": (("chronos",), ()),
    "narratives": ((), ("dmfi", "itdlm", "loggpt", "logprompt", "narrative_length", "tfidf_logistic")),
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


def method_lines(*, has_labels: bool, has_people: bool) -> list[str]:
    """Return what a person reads about the methods that logs are enough for.

    Args:
        has_labels: Whether known cases come with the logs.
        has_people: Whether it is known who works where as what.
    """
    free = [name for without, _ in VIEW_METHODS.values() for name in without]
    bound = [name for _, labelled in VIEW_METHODS.values() for name in labelled]
    lacks = "" if has_labels else ": none of them yet, for the mapping has no `answers`"
    peers = "roles and departments" if has_people else "nobody: `identity` names no role or department"
    return [
        f"methods that need no labels: {', '.join(free)}",
        f"methods whose configs take labels{lacks}: {', '.join(bound)}",
        f"a user's peers: {peers}",
    ]
