"""What tracking on W&B promises: the panels are there, and nothing that names a person or a place."""

import shutil
import socket
import sys
from pathlib import Path

import pytest
import torch

from itd_lightning.callbacks.wandb_run import WandbRun, without_paths
from itd_lightning.cli.parser import main
from itd_lightning.contracts.errors import InputError
from itd_lightning.runs.config import find_tracked_run
from itd_lightning.store.read import Store
from itd_lightning.tracking.dashboard import panels
from tests.wandb_offline import config, history

CONFIGS = Path(__file__).parents[1] / "configs"
SECRETS = {
    "WANDB_API_KEY": "0123456789canary0123456789canary01234567",
    "HF_TOKEN": "hf_canaryCANARYcanary",
    "AWS_SECRET_ACCESS_KEY": "canary/aws/secret",
}


def test_a_config_loses_every_text_that_could_name_a_place() -> None:
    config = {
        "model": {"class_path": "RMSL", "backbone": "C:\\Users\\ann", "width": 8},
        "data": {"store": "plain", "mail": "ann@dtaa.com"},
        "callbacks": ["/home/ann/x", "EarlyStopping"],
    }
    kept = {"model": {"class_path": "RMSL", "width": 8}, "data": {}, "callbacks": ["EarlyStopping"]}
    assert without_paths(config) == kept


def test_people_are_numbers_on_the_dashboard(run: Path, store: Path) -> None:
    found = panels(run)
    users = Store(store).presence()["user"].unique().to_list()
    assert not any(user in str(found) for user in users)
    assert [row[0] for row in found.alerts[:3]] == [1, 2, 3]
    assert found.alerts[0][1] == "1"
    assert set(found.curves) <= {"validation", "test"}
    assert found.summary["test/pr_auc"] > 0
    assert sum(int(counts.sum()) for counts, _ in found.histogram.values()) > 0


def test_a_run_that_was_not_tracked_cannot_be_sent(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["track", str(run)])
    assert "was not tracked" in capsys.readouterr().err


@pytest.mark.slow
def test_offline_files_hold_the_panels_and_no_canary(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = pytest.importorskip("wandb")
    wandb.teardown()  # of a test before this one, which would keep its folder
    place = tmp_path / "home" / "ann.canary"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    for name in ("WANDB_DIR", "WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(place))
    monkeypatch.setenv("WANDB_SILENT", "true")
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    private = place / "store.canary"
    private.symlink_to(store)
    arguments = [
        f"--config={CONFIGS / 'mask_value.yaml'}",
        f"--config={CONFIGS / 'overlays' / 'wandb.yaml'}",
        f"--data.store={private}",
        "--trainer.default_root_dir=run.canary",
    ]
    monkeypatch.setattr(sys, "argv", ["itd", "fit", *arguments, "--token=argv.canary"])
    main(["fit", *arguments, "--trainer.max_epochs=1"])
    last = Path("run.canary/checkpoints/last.ckpt")
    tracked = find_tracked_run(last)
    assert tracked is not None
    main(["fit", *arguments, "--trainer.max_epochs=2", f"--ckpt_path={last}"])
    assert find_tracked_run(last) == tracked
    main(["test", "--ckpt_path=run.canary/checkpoints/best.ckpt"])
    main(["track", "run.canary"])
    wandb.teardown()  # one process writes several runs here; this waits for all of them
    logs = sorted(place.glob("wandb/offline-run-*/*.wandb"))
    assert {log.stem for log in logs} == {f"run-{tracked.id}"}
    logged = {name for log in logs for step in history(log) for name in step}
    assert {"train/loss", "val/loss", "test/pr_auc"} <= logged
    for panel in ("test/evaluation", "test/alerts", "test/scores of malicious days", "test curve/precision"):
        assert any(name.startswith(panel) for name in logged), panel
    assert config(logs[0])["store_fingerprint"] == Store(store).fingerprint
    people = Store(store).presence()["user"].unique().to_list()
    canaries = [*SECRETS.values(), *people[:12], "canary", "dtaa.com", socket.gethostname(), str(Path.home())]
    sent = [file for log in logs for file in [log, *log.parent.glob("files/**/*")] if file.is_file()]
    held = b"".join(file.read_bytes() for file in sent)
    found = [canary for canary in canaries if len(canary) > 4 and canary.encode() in held]
    assert not found
    assert len(canaries) >= 19


PLACE: dict[str, object] = {"id": "abc", "project": "itd_lightning", "entity": None, "offline": False}


@pytest.mark.parametrize(
    "told",
    [{"name": "x"}, ["x"], "x", {**PLACE, "id": "../../x"}, {**PLACE, "id": 3}, {**PLACE, "offline": "no"}],
)
def test_a_checkpoint_that_lies_about_its_run_is_refused(told: object, tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "itd_tracked": told}, tmp_path / "x.ckpt")
    with pytest.raises(InputError, match="does not say where its run is tracked"):
        find_tracked_run(tmp_path / "x.ckpt")


def sent_to(
    told: dict[str, object], run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *options: str
) -> dict[str, object]:
    """Return where `itd track` opens a run, of a folder whose checkpoint says where its fit went."""
    wandb = pytest.importorskip("wandb")
    opened: dict[str, object] = {}

    def init(**given: object) -> None:
        opened.update(given)
        raise InputError("enough")

    monkeypatch.setattr(wandb, "init", init)
    shutil.copytree(run, tmp_path / "run")
    checkpoint = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt")
    torch.save({**checkpoint, "itd_tracked": told}, tmp_path / "run" / "checkpoints" / "best.ckpt")
    with pytest.raises(SystemExit):
        main(["track", str(tmp_path / "run"), *options])
    return opened


@pytest.mark.parametrize("elsewhere", [{"entity": "evil"}, {"project": "evil"}])
def test_a_checkpoint_sends_nothing_to_a_place_of_its_own(
    elsewhere: dict[str, object],
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_ENTITY", "mine")
    assert not sent_to({**PLACE, **elsewhere}, run, tmp_path, monkeypatch)
    assert "was tracked elsewhere: if that place is yours, add --project" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("mode", "offline", "expected"),
    [
        ("", False, "online"),
        ("", True, "offline"),
        ("online", True, "offline"),
        ("offline", False, "offline"),
        ("dryrun", False, "offline"),
        ("disabled", False, "disabled"),
    ],
)
def test_the_environment_wins_over_what_a_checkpoint_says(
    mode: str, offline: bool, expected: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", mode)
    monkeypatch.setenv("WANDB_ENTITY", "mine")
    opened = sent_to({**PLACE, "offline": offline}, run, tmp_path, monkeypatch)
    assert (opened["mode"], opened["entity"], opened["project"]) == (expected, "mine", "itd_lightning")


def test_a_place_that_the_user_names_is_used(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {**PLACE, "entity": "team", "project": "ours"}
    opened = sent_to(told, run, tmp_path, monkeypatch, "--entity=team", "--project=ours")
    assert (opened["entity"], opened["project"]) == ("team", "ours")


def test_the_environment_wins_over_a_config(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name, value in {"MODE": "offline", "ENTITY": "mine", "PROJECT": "own"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    logger = WandbRun(project="evil", entity="evil", offline=False)
    assert (logger.project, logger.entity, logger.offline) == ("own", "mine", True)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert WandbRun(offline=True).offline
