"""What a store does not record is left out of every view by name, and never counted as 0."""

import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import torch

from itd_lightning.cli.parser import main
from itd_lightning.contracts.batches import WindowBatch
from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.events import EVENTS, KINDS
from itd_lightning.methods import Log2Sig, MaskValueAutoencoder
from itd_lightning.splits import Dates
from itd_lightning.store.presence import days_present, pc_use
from itd_lightning.store.read import Store
from itd_lightning.views import Days, Narratives, Signals, Trajectories, View, Windows

CONFIGS = Path(__file__).parents[2] / "configs"
FIRST = datetime(2026, 3, 2)
DAYS = 60
SPLIT = Dates(date(2026, 4, 10), date(2026, 4, 20))
OFFICE = ("logon", "logoff", "email_send", "process", "logon_failed")  # no drive, file or page is logged


def write_store(folder: Path, kinds: Iterable[str], records: Iterable[str] | None = None) -> Path:
    """Write a store of five users who do one thing of each kind every day, with these kinds recorded."""
    kinds = tuple(kinds)
    events = [
        {
            **dict.fromkeys(EVENTS),
            "event_id": f"{user}-{day}-{kind}",
            "user": user,
            "time": FIRST + timedelta(days=day, hours=8 + at, minutes=7 * day % 50),
            "pc": f"PC-{user}",
            "kind": kind,
            "object": f"{kind}-{day // 20}",
        }
        for user in ("ann", "bob", "cyd", "dan", "eve")
        for day in range(DAYS)
        for at, kind in enumerate(kinds)
    ]
    target = folder / "events" / "shard=000"
    target.mkdir(parents=True)
    rows = pl.DataFrame(events, schema=EVENTS).sort("user", "time")
    rows.write_parquet(target / "events.parquet")
    pc_use(rows).write_parquet(target / "pc_use.parquet")
    days_present(rows).write_parquet(target / "presence.parquet")
    manifest = {
        "schema": 3,
        "release": "own logs",
        "fingerprint": folder.name,
        "options": {"shards": 1},
        "records": [kind for kind in KINDS if kind in (records or kinds)],
        "events": len(rows),
        "answers": None,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store without drives, files and pages."""
    return write_store(tmp_path_factory.mktemp("kinds") / "office", OFFICE)


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a store of the same people with pages, too, and without failed logons."""
    kinds = ("logon", "logoff", "email_send", "process", "http_visit")
    return write_store(tmp_path_factory.mktemp("kinds") / "web", kinds)


def ready(view: View, stage: str = "fit") -> View:
    """Return a view that is set up."""
    view.prepare_data()
    view.setup(stage)
    return view


def day_columns(store: Path) -> set[str]:
    """Return the features of a store's days."""
    view = Days(store, SPLIT)
    ready(view)
    return set(view.table.columns[2:])


def test_days_leave_out_groups_that_no_source_records_and_count_further_kinds_under_their_name(
    office: Path,
) -> None:
    names = day_columns(office)
    assert not [name for name in names if name.startswith(("usb", "file", "http"))]
    assert {"logon_count", "email_count", "process_count", "process_new_after_hours_count"} <= names
    assert {"logon_failed_count", "logon_failed_own_pc_work_hours_count"} <= names
    assert "email_viewed_count" not in names


def test_a_recorded_kind_without_any_event_is_a_feature_that_is_0(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", ["logon"], ["logon", "file_open", "process"])
    names = day_columns(store)
    assert {"file_count", "file_open_count", "process_count"} <= names
    assert not names & {"file_copy_count", "file_delete_count", "usb_count"}


def test_an_object_is_new_once_and_not_in_the_first_four_weeks(office: Path) -> None:
    view = Days(office, SPLIT)
    ready(view)
    ann = view.table.filter(user="ann")
    new = ann.filter(pl.col("process_new_count") > 0)["day"].to_list()
    assert new == [date(2026, 4, 11)]  # the 41st day, with the third object; the second came on the 21st


def test_windows_have_the_features_of_recorded_kinds_and_further_kinds_by_name(office: Path) -> None:
    view = Windows(office, SPLIT)
    ready(view)
    twelve = ("logon_count", "logoff_count", "after_hours_logon", "unique_pcs")
    mails = ("email_sent", "email_internal", "email_external")
    further = ("process_count", "after_hours_process", "logon_failed_count", "after_hours_logon_failed")
    assert view.columns == (*twelve, *mails, *further)
    assert view.counts.shape[2] == len(view.columns)
    assert view.counts[..., view.columns.index("process_count")].sum() == 5 * DAYS


def test_windows_count_a_family_by_kind_where_its_published_features_are_not_recorded(tmp_path: Path) -> None:
    view = Windows(write_store(tmp_path / "store", ["file_open", "file_delete"]), SPLIT)
    assert view.columns == (
        *("file_open_count", "after_hours_file_open"),
        *("file_delete_count", "after_hours_file_delete"),
    )


def test_signals_have_the_channels_that_are_recorded(office: Path) -> None:
    view = Signals(office, SPLIT, modes=0)
    ready(view)
    assert view.columns == ("logon", "logoff", "email", "other", "process", "logon_failed")
    assert view.counts.select(view.columns).row(0) == (1, 1, 1, 0, 1, 1)
    assert view.rows(view.part("train")).signals.shape[1] == 6


@pytest.mark.parametrize("features", ["docs", "notebook"])
def test_trajectories_have_the_features_that_are_recorded(features: str, office: Path) -> None:
    view = Trajectories(office, SPLIT, features=features)  # type: ignore[arg-type]
    ready(view)
    assert not [name for name in view.columns if "http" in name or "device" in name or "file" in name]
    assert view.columns[-2:] == ("process_count", "logon_failed_count")
    assert view.batch("train", context=False).values.shape[2] == len(view.columns)


def test_narratives_tell_of_further_kinds_and_of_no_others(office: Path) -> None:
    view = Narratives(office, SPLIT)
    ready(view)
    assert view.hours is not None
    text = view.narrate(view.part("train")[:1], view.hours)[0]
    assert "failed to log in" in text
    assert "ran program (process-0)" in text
    assert "website" not in text


@pytest.mark.parametrize("kind", [Days, Windows, Signals, Trajectories, Narratives])
def test_a_checkpoint_is_refused_by_a_store_that_records_something_else_with_the_list(
    kind: type[View], office: Path, web: Path
) -> None:
    fitted = ready(kind(office, SPLIT))  # type: ignore[call-arg]
    view = ready(kind(web, SPLIT), "predict")  # type: ignore[call-arg]
    with pytest.raises(InputError, match=r"lacks .*logon_failed.* and has, beside .*http[^\n]*$"):
        score(view, fitted.state_dict())


def score(view: View, state: dict[str, object]) -> None:
    """Load a checkpoint's state and begin to score."""
    view.load_state_dict(state)
    view.predict_dataloader()


@pytest.mark.parametrize(
    ("config", "argument", "columns"),
    [("mask_value", "features", 11), ("chronos", "width", 8)],
)
@pytest.mark.slow
def test_a_method_takes_its_width_from_the_store_and_scores_by_its_checkpoint(
    config: str, argument: str, columns: int, office: Path, web: Path, tmp_path: Path
) -> None:
    settings = [
        f"--data.store={office}",
        "--data.split=Dates",
        "--data.split.val_from=2026-04-10",
        "--data.split.test_from=2026-04-20",
        f"--trainer.default_root_dir={tmp_path}",
        "--trainer.max_epochs=1",
    ]
    main(["fit", f"--config={CONFIGS / f'{config}.yaml'}", *settings])
    assert f"{argument}: {columns}" in (tmp_path / "config.yaml").read_text("utf-8")
    checkpoint = tmp_path / "checkpoints" / "best.ckpt"
    main(["test", f"--ckpt_path={checkpoint}"])
    scores = pl.read_parquet(tmp_path / "scores.parquet", glob=False)
    assert scores["score"].is_finite().all()
    with pytest.raises(SystemExit):
        main(["predict", f"--ckpt_path={checkpoint}", f"--data.store={web}"])


def test_a_store_of_an_earlier_version_records_what_cert_does(tmp_path: Path) -> None:
    store = write_store(tmp_path / "store", ["logon"])
    manifest = json.loads((store / "manifest.json").read_text())
    del manifest["records"]
    (store / "manifest.json").write_text(json.dumps(manifest))
    assert "process" not in Store(store).records
    assert {"logon", "http_upload"} <= Store(store).records
    assert len(Windows(store, SPLIT).columns) == 12


def test_the_padded_autoencoder_restores_as_many_features_as_there_are() -> None:
    method = MaskValueAutoencoder(torch.optim.Adam, hours=12, features=7)
    batch = WindowBatch(
        torch.ones(3, 12, 7, dtype=torch.bool), torch.randn(3, 12, 7), torch.full((3,), -1), torch.arange(3)
    )
    assert method.explain(batch).parts.shape == (3, 12, 7)


def test_log2sig_reads_as_many_channels_as_the_view_counts(office: Path) -> None:
    view = Signals(office, SPLIT, modes=1)
    ready(view)
    rows = view.rows(view.part("train"))
    method = Log2Sig(torch.optim.Adam, modes=1, channels=len(view.columns), width=8, sequence="none")
    assert method.score(rows.__getitems__([0, 1])).shape == (2,)
    assert {Method.columns_argument for Method in (Log2Sig, MaskValueAutoencoder)} == {"channels", "features"}


@pytest.mark.parametrize("history", ["own", "both"])
def test_own_history_needs_no_people(history: str, office: Path) -> None:
    view = Days(office, SPLIT, history=history)  # type: ignore[arg-type]
    ready(view)
    assert view.fitted is not None
    assert view.fitted.groups == []
    assert view.rows("val", "test").features.isfinite().all()
