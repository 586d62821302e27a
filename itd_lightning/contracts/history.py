"""How long a user's own history must be; for views that measure by it, scores that are marked, and lists."""

WARM_UP_DAYS = 20  # active days of a user, before which own history says little
LEAST_WORK_DAYS = 10  # of a user, until the user's own hours or counts are used at all: two weeks of work
MOST_DAYS = 1_000_000  # that a setting may ask for: more than any log holds

EARLIER_VERSION = (
    "the checkpoint was written by an earlier version, which kept users' history in it: fit again"
)
