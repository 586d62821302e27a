"""How long a user's own history must be; for views that measure by it, scores that are marked, and lists."""

WARM_UP_DAYS = 20  # active days of a user, before which own history says little
