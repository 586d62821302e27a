"""The same company in other formats: event by event, and the same days to look at first."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.ingest import build_store
from itd_lightning.store.read import Store
from itd_lightning.synth import write_company, write_release
from itd_lightning.views.days.dataset import matching
from itd_lightning.views.days.features import RECORDS
from itd_lightning.views.days.features import features as day_features

ROOT = Path(__file__).parents[2]
FORMATS = ("windows", "zeek", "m365")
CARRIED = {
    "logon": ("pc", "object", "size"),
    "logoff": ("pc", "object", "size"),
    "connect": ("pc", "object", "size"),
    "file_copy": ("pc", "object", "size", "to_removable"),
    "http_visit": ("pc", "object", "size"),
    "email_send": ("object", "size"),  # a rule for mails tells no PC
}
# Counts over all events know of drives taken out, and so do the seconds until then.
NOT_CARRIED = ["*", "!all_*", "!usb_seconds*", "!email_attachments*", "!email*_pc*"]


def stores(folder: Path, users: int, days: int) -> tuple[Path, Path]:
    """Return the stores of one company: read from CERT's logs, and from those of other products."""
    settings = {"users": users, "days": days, "seed": 5, "start": date(2010, 1, 2), "insiders": 0.25}
    write_release(folder / "cert", **settings)  # type: ignore[arg-type]
    build_store([folder / "cert"], folder / "cert_store", shards=2, content=[])
    write_company(folder / "own", FORMATS, "r4.2", **settings)
    build_store([folder / "own" / f"{name}.yaml" for name in FORMATS], folder / "own_store", shards=2)
    return folder / "cert_store", folder / "own_store"


def test_events_agree_one_by_one_in_what_a_format_carries(tmp_path: Path) -> None:
    cert, own = (
        Store(path).scan().with_columns(pl.col("kind").cast(pl.String)).collect()
        for path in stores(tmp_path, users=8, days=30)
    )
    counts = dict(cert["kind"].value_counts().iter_rows())
    assert counts.pop("disconnect") > 0  # Windows has no event for it that names a user
    assert dict(own["kind"].value_counts().iter_rows()) == counts
    for kind, carried in CARRIED.items():
        columns = ["user", "time", *carried]
        rows, expected = (table.filter(kind=kind).select(columns).sort(columns) for table in (own, cert))
        assert rows.equals(expected), kind


def test_people_pcs_and_known_cases_lie_beside_the_logs(tmp_path: Path) -> None:
    write_company(tmp_path / "own", ["m365"], "r4.2", users=8, days=28, seed=5, insiders=0.25)
    assert sorted(path.name for path in (tmp_path / "own").iterdir()) == [
        *("answers.csv", "hosts.csv", "m365", "m365.yaml", "people.csv", "synthetic.txt")
    ]
    manifest = build_store([tmp_path / "own" / "m365.yaml"], tmp_path / "store", shards=1)
    assert (manifest["people"], manifest["answers"]["campaigns"]) == (8, 3)
    assert Store(tmp_path / "store").data == "synthetic own logs"


@pytest.mark.parametrize(
    ("formats", "release", "message"),
    [
        ("windows,syslog", "r4.2", "as must be cert, or some of windows,zeek,m365, got windows,syslog"),
        ("windows", "r6.2", "windows, zeek and m365 are written of r4.1 and r4.2, not of r6.2"),
    ],
)
def test_unknown_formats_are_refused(
    formats: str, release: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["synth", str(tmp_path / "x"), "--as", formats, "--release", release])
    assert message in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_several_mappings_are_counted_log_by_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["synth", str(tmp_path / "own"), "--as", "windows,m365", "--users", "8", "--days", "28"])
    mappings = [str(tmp_path / "own" / f"{name}.yaml") for name in ("windows", "m365")]
    main(["prepare", *mappings, "--store", str(tmp_path / "store")])
    out = capsys.readouterr().out
    assert "windows_beats" in out
    assert "m365_json" in out


@pytest.mark.slow
def test_the_same_days_come_first(tmp_path: Path) -> None:
    # Where mails could be viewed, too, those that were sent are a type of their own: the same numbers again.
    features = matching([one.name for one in day_features(dict.fromkeys(RECORDS, False))], NOT_CARRIED)
    tops = []
    for number, store in enumerate(stores(tmp_path, users=16, days=90)):
        run = tmp_path / f"run{number}"
        settings = {
            "data.store": store,
            "data.features": json.dumps(features),
            "data.split.val_from": "2010-03-01",
            "data.split.test_from": "2010-03-10",
            "trainer.default_root_dir": run,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        main(["fit", f"--config={ROOT / 'configs' / 'own_history_z.yaml'}", *options])
        main(["test", f"--ckpt_path={run / 'checkpoints' / 'best.ckpt'}"])
        scores = pl.read_parquet(run / "scores.parquet").filter(part="test")
        best = scores.sort("score", "user", "start", descending=[True, False, False]).head(10)
        tops.append(best.select("user", "start").rows())
    assert tops[0] == tops[1]


def test_a_checkpoint_of_more_logs_refuses_a_store_of_fewer(tmp_path: Path) -> None:
    from itd_lightning.splits import Dates
    from itd_lightning.views import Windows

    write_company(tmp_path / "own", FORMATS, "r4.2", users=8, days=28, seed=5, insiders=0.0)
    views = []
    for count in (2, 3):
        mappings = [tmp_path / "own" / f"{name}.yaml" for name in FORMATS[:count]]
        build_store(mappings, tmp_path / f"store{count}", shards=1)
        view = Windows(tmp_path / f"store{count}", Dates(date(2010, 1, 20), date(2010, 1, 25)))
        view.prepare_data()
        view.setup("fit")
        views.append(view)
    with pytest.raises(InputError, match="lacks email_sent, email_internal, email_external"):
        views[0].load_state_dict(views[1].state_dict())
