"""What a search over settings promises."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import lock_folder
from itd_lightning.runs.queue import Job
from itd_lightning.tables import sweep as module
from itd_lightning.tables.sweep import best_value, read_sweep, search, suggest_value

SPACES = sorted((Path(__file__).parents[2] / "experiments").glob("*/sweep.yaml"))
CONFIG = Path(__file__).parents[2] / "configs" / "mask_value.yaml"


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """Return a space of two arguments."""
    spec = {
        "program": "itd",
        "method": "random",
        "metric": {"name": "val/loss", "goal": "minimize"},
        "command": ["itd", "fit", "--config", str(CONFIG), "--trainer.max_epochs=1", "${args}"],
        "parameters": {
            "model.latent": {"values": [4, 8]},
            "model.optimizer.lr": {"distribution": "log_uniform_values", "min": 1e-3, "max": 1e-2},
        },
    }
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(spec))
    return path


@pytest.mark.parametrize("path", SPACES, ids=lambda path: path.parent.name)
def test_every_shipped_space_is_one_and_names_a_config(path: Path) -> None:
    sweep = read_sweep(path)
    config = yaml.safe_load((path.parents[2] / sweep.fit[1]).read_text())
    for name in sweep.parameters:
        part, _, _ = name.partition(".")
        assert part in ("model", "data"), name
        assert config[part]["class_path"]


def fake_fit(losses: dict[str, float]) -> Callable[[Job], str | None]:
    """Return a fit that only notes its arguments, and writes the loss that its latent size is given."""

    def run_one(job: Job) -> str | None:
        latent = next(arg for arg in job.args if "latent" in arg).partition("=")[2]
        if latent not in losses:
            return "it failed"
        (job.folder / "checkpoints").mkdir(parents=True)
        watched = {"monitor": "val/loss", "best_k_models": {"x": 1}, "best_model_score": losses[latent]}
        torch.save(
            {"state_dict": {}, "callbacks": {"Checkpoints": watched}}, job.folder / "checkpoints/best.ckpt"
        )
        return None

    return run_one


def test_the_best_setting_comes_first_and_a_search_goes_on(
    space: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    out = tmp_path / "out"
    first = search(space, store, out, trials=3)
    found = search(space, store, out, trials=6)
    assert len(first) == 3
    assert found["trial"].sort().to_list() == [0, 1, 2, 3, 4, 5]
    assert found["value"].is_sorted()
    assert found["model.latent"][0] == 8
    assert found["model.optimizer.lr"].is_between(1e-3, 1e-2).all()
    monkeypatch.setattr(module, "run_one", lambda _: pytest.fail("ran again"))
    assert search(space, store, out, trials=6).equals(found)
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    assert search(space, store, tmp_path / "at once", trials=6).equals(found)


def test_a_fit_that_fails_stops_no_other(
    space: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", fake_fit({"8": 1.0}))
    found = search(space, store, tmp_path / "out", trials=6)
    assert found["value"].null_count() == (found["model.latent"] == 4).sum() > 0


def test_where_all_fits_fail_the_first_is_told(
    space: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", fake_fit({}))
    with pytest.raises(InputError, match="no fit succeeded; first: it failed"):
        search(space, store, tmp_path / "out", trials=2)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("method: random", "method: magic", "method must be one of random"),
        ("goal: minimize", "goal: maximize", "a metric to minimize"),
        ("program: itd", "programme: itd", "programme is unknown"),
        ("${args}", "args", "end in"),
        ("method: random", "method: [random]", "method must be one of random"),
        ("goal: minimize\n  name: val/loss", "goal: minimize", "metric must be a metric to minimize"),
        ("values:\n    - 4\n    - 8", "values: []", "model.latent must have a list"),
        ("values:\n    - 4\n    - 8", "values: 4", "model.latent must have a list"),
        ("values:\n    - 4\n    - 8", "{min: 8, max: 4}", "model.latent must have numbers"),
        ("min: 0.001", "min: 0.0", "min must be above 0"),
        ("min: 0.001", "min: .nan", "must have numbers"),
        ("min: 0.001", "min: some", "must have numbers"),
        ("log_uniform_values", "normal", "another distribution"),
        ("log_uniform_values", "int_uniform", "whole numbers"),
        ("method: random", "method: grid", "a grid needs values"),
        ("program: itd", "program: \xff", "is no YAML"),
    ],
)
def test_another_file_is_refused(space: Path, old: str, new: str, words: str) -> None:
    text = space.read_text()
    assert old in text
    space.write_bytes(text.replace(old, new).encode("latin-1"))
    with pytest.raises(InputError, match=words):
        read_sweep(space)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("command", "--allow-import=os", "command must not set --allow-import"),
        ("command", "--trainer.default_root_dir=/tmp/x", "command must not set --trainer.default_root_dir"),
        ("command", "--ckpt_path=/tmp/x.ckpt", "command must not set --ckpt_path"),
        ("command", "--config={trainer: {max_epochs: 9}}", "command names the config .* is no file"),
        ("command", "--config=/etc/hostname", "command names the config /etc/hostname, which lies neither"),
        ("parameters", "data.store", "parameters must not set --data.store"),
        ("parameters", "trainer.logger.save_dir", "parameters must not set --trainer.logger.save_dir"),
        ("parameters", "allow-import", "parameters must not set --allow-import"),
    ],
)
def test_a_sweep_sets_no_place_and_allows_no_import(space: Path, key: str, value: str, words: str) -> None:
    spec = yaml.safe_load(space.read_text())
    if key == "command":
        spec["command"].insert(-1, value)
    else:
        spec["parameters"][value] = {"values": ["x"]}
    space.write_text(yaml.safe_dump(spec))
    with pytest.raises(InputError, match=f"sweep.yaml: {words}"):
        read_sweep(space)


@pytest.fixture
def grid(space: Path) -> Path:
    """Return a grid of two settings."""
    spec = yaml.safe_load(space.read_text())
    spec |= {"method": "grid", "parameters": {"model.latent": {"values": [4, 8]}}}
    space.write_text(yaml.safe_dump(spec))
    return space


def test_a_grid_ends_with_its_last_setting(
    grid: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    found = search(grid, store, tmp_path / "out", trials=20)
    assert found["model.latent"].to_list() == [8, 4]


@pytest.mark.parametrize("name", ["space", "grid"])
def test_a_search_that_was_killed_finds_what_one_at_once_finds(
    name: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    path = request.getfixturevalue(name)
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    at_once = search(path, store, tmp_path / "at once", trials=3)

    def killed(_: Job) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "run_one", killed)
    with pytest.raises(KeyboardInterrupt):
        search(path, store, tmp_path / "out", trials=3)
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    assert search(path, store, tmp_path / "out", trials=3).equals(at_once)


def test_values_reach_the_fit_as_the_parser_reads_them(
    space: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = yaml.safe_load(space.read_text())
    spec["parameters"] = {"data.budget": {"values": [None]}, "model.skip": {"values": [True]}}
    space.write_text(yaml.safe_dump(spec))
    jobs: list[Job] = []

    def fail(job: Job) -> str:
        jobs.append(job)
        return "it failed"

    monkeypatch.setattr(module, "run_one", fail)
    with pytest.raises(InputError, match="it failed"):
        search(space, store, tmp_path / "out", trials=1)
    assert {"--data.budget=null", "--model.skip=true"} <= set(jobs[0].args)


def test_a_folder_holds_one_search(
    space: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "run_one", fake_fit({"4": 2.0, "8": 1.0}))
    search(space, store, tmp_path / "out", trials=1)
    space.write_text(space.read_text().replace("- 4", "- 16"))
    with pytest.raises(InputError, match="other settings; name another --out"):
        search(space, store, tmp_path / "out", trials=2)
    with (
        lock_folder(tmp_path / "out", wait=False),
        pytest.raises(InputError, match="another search is running"),
    ):
        search(space, store, tmp_path / "out", trials=2)


def test_a_damaged_database_is_named(space: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "sweep.db").write_bytes(b"no database" * 100)
    with pytest.raises(InputError, match=r"sweep.db cannot be read or written"):
        search(space, store, tmp_path, trials=1)


@pytest.mark.parametrize(("out", "seed"), [("what?", 0), ("out", -1), ("out", 2**40)])
def test_a_place_or_seed_that_cannot_be_is_refused(
    out: str, seed: int, space: Path, store: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"question mark|must lie between"):
        search(space, store, tmp_path / out, trials=1, seed=seed)


def test_the_logarithm_is_taken_of_whole_numbers_too() -> None:
    drawn: list[tuple[float, float, bool]] = []

    class Trial:
        def suggest_float(self, _: str, low: float, high: float, *, log: bool) -> float:
            drawn.append((low, high, log))
            return low

    assert suggest_value(Trial(), "x", {"min": 1, "max": 100, "distribution": "log_uniform_values"}) == 1
    assert drawn == [(1, 100, True)]


def test_a_run_that_watched_nothing_cannot_be_searched_by(run: Path) -> None:
    assert best_value(run / "checkpoints" / "best.ckpt", "val/loss") > 0
    with pytest.raises(InputError, match="did not watch train/loss"):
        best_value(run / "checkpoints" / "best.ckpt", "train/loss")


@pytest.mark.slow
def test_a_search_fits(space: Path, store: Path, tmp_path: Path) -> None:
    found = search(space, store, tmp_path / "out", trials=1)
    assert found["value"].item() > 0
