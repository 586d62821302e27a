"""Names of the files and folders in an event store; no other module spells them out."""

from pathlib import Path

MANIFEST_FILE = "manifest.json"  # rows read, kept and refused a log, fingerprints, options
PEOPLE_FILE = "people.parquet"  # who worked there as what, with validity dates
DECOY_FILE = "decoys.parquet"  # decoy files, where the source knows any

EVENT_FOLDER = "events"  # one folder a shard; each user is whole in one of them
EVENT_FILE = "events.parquet"  # sorted by user and time
PRESENCE_FILE = "presence.parquet"  # the days of each user
PC_USE_FILE = "pc_use.parquet"  # the PCs of each user on each day

# The answer key; absent where there is none.
ANSWER_FOLDER = "answers"
CAMPAIGN_FILE = "answers/campaigns.parquet"
MALICIOUS_FILE = "answers/malicious.parquet"  # the events that the key's rows mean

REJECT_FOLDER = "rejects"
REJECT_FILE = "rejects/rejects.parquet"  # every refused row: source, file, line, reason

# Directory and key as they were read, for what is added later.
RAW_ENTRY_FILE = "raw/entries.parquet"
RAW_TRAIT_FILE = "raw/traits.parquet"
RAW_KEY_FILE = "raw/key.parquet"

VIEW_FOLDER = "views"  # one folder a built view


def shard_folder(store: Path, shard: int) -> Path:
    """Return the folder of a shard in a store.

    Example:
        >>> shard_folder(Path("store"), 7).as_posix()
        'store/events/shard=007'
    """
    return store / EVENT_FOLDER / f"shard={shard:03d}"


def event_files(store: Path) -> list[Path]:
    """Return the event files of all shards of a store that are there, in order."""
    return sorted(store.glob(f"{EVENT_FOLDER}/shard=*/{EVENT_FILE}"))
