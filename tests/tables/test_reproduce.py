"""What reproducing a paper's table promises."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import lock_folder
from itd_lightning.contracts.run_files import FIT_DONE
from itd_lightning.runs import queue as cells
from itd_lightning.runs.queue import Job, run_one
from itd_lightning.tables.reproduce import FailedCellsError, configs_of, plan_cell, reproduce_table
from itd_lightning.tables.spec import TableSpec, read_spec

TABLES = Path(__file__).parents[2] / "experiments"
CONFIG = Path(__file__).parents[2] / "configs" / "mask_value.yaml"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a table of two rows that share their fits, on two alignments, one epoch each."""
    spec = {
        "title": "A table",
        "source": "Made up.",
        "config": str(CONFIG),
        "seeds": [0],
        "checkpoint": "last.ckpt",
        "fit": ["--trainer.max_epochs=1"],
        "columns": {"calendar": ["--data.align=calendar"]},
        "rows": {
            "Mask": {"paper": {"pr_auc": 0.7, "scenarios.3.roc_auc": None}},
            "Value": {"test": ["--model.scored=value"], "paper": {"pr_auc": 0.2}},
        },
    }
    path = tmp_path / "table.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    return path


@pytest.mark.slow
def test_cells_share_a_fit_and_a_second_call_runs_nothing(
    table: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = reproduce_table(table, store, tmp_path / "runs")
    assert len(list((tmp_path / "runs").iterdir())) == 1
    assert "| Mask | pr_auc | 0.700 |" in text
    numbers = pl.read_csv(table.with_suffix(".csv"))
    assert numbers["row"].to_list() == ["Mask", "Mask", "Value"]
    assert numbers["mean"].null_count() == 0
    monkeypatch.setattr(cells, "run_one", lambda job: pytest.fail(f"ran again: {job.args}"))
    written = table.with_suffix(".html").stat()
    assert reproduce_table(table, store, tmp_path / "runs", tables=tmp_path / "kept" / "apart") == text
    assert {path.name for path in (tmp_path / "kept" / "apart").iterdir()} == {
        f"table.{kind}" for kind in ("md", "csv", "html")
    }
    assert table.with_suffix(".html").stat() == written


@pytest.mark.slow
def test_a_cell_that_fails_is_named(table: Path, store: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace("--data.align=calendar", "--data.align=sideways"))
    with pytest.raises(InputError, match=r"1 of 1 cells failed.*align"):
        reproduce_table(table, store, tmp_path / "runs")


@pytest.mark.slow
def test_a_cell_that_fails_is_a_dash_and_stops_no_other(table: Path, store: Path, tmp_path: Path) -> None:
    spec = yaml.safe_load(table.read_text())
    spec["rows"] = {"Broken": {"fit": ["--data.hours=-1"], "paper": {"pr_auc": 0.9}}, **spec["rows"]}
    table.write_text(yaml.safe_dump(spec, sort_keys=False))
    with pytest.raises(FailedCellsError, match=r"1 of 4 cells failed, the others are kept.*hours") as caught:
        reproduce_table(table, store, tmp_path / "runs")
    assert "| Broken | pr_auc | 0.900 | - |" in caught.value.text
    assert table.with_suffix(".md").read_text() == caught.value.text
    means = pl.read_csv(table.with_suffix(".csv"))["mean"]
    assert means.is_null().to_list() == [True, False, False, False]


def test_tables_that_test_other_checkpoints_of_a_fit_share_the_fit_alone(tmp_path: Path) -> None:
    spec = cast("TableSpec", {"columns": {"dates": []}, "rows": {"row": {"paper": {}}}, "fit": []})
    found = [
        plan_cell({**spec, "checkpoint": name}, (CONFIG,), "row", "dates", 0, tmp_path, ["code"])
        for name in ("best.ckpt", "multiple_instance.ckpt")
    ]
    assert found[0].run == found[1].run == found[0].test_folder
    assert found[1].test_folder.parent == found[1].run


@pytest.mark.slow
def test_methods_come_beside_each_other_and_the_second_call_runs_nothing(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec: dict[str, Any] = {
        "title": "All",
        "source": "Made up.",
        "config": str(CONFIG),
        "common": True,
        "seeds": [0],
        "checkpoint": "best.ckpt",
        "fit": ["--data.split=Dates"],
        "columns": {"dates": ["--data.split.val_from=2010-01-20", "--data.split.test_from=2010-02-10"]},
        "rows": {
            "Own history": {"config": str(CONFIG.with_name("own_history_z.yaml"))},
            "Windows": {"seeds": [0, 1], "fit": ["--trainer.max_epochs=1"]},
            "Broken": {"fit": ["--data.hours=-1"]},
        },
    }
    path = tmp_path / "all.yaml"
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    with pytest.raises(FailedCellsError, match=r"1 of .* cells failed.*hours") as caught:
        reproduce_table(path, store, tmp_path / "runs", overlay="slice")
    read = pl.read_csv(tmp_path / "all_slice.csv")
    assert {"Own history", "Windows", "random"} <= set(read["method"])
    assert "Broken" not in read["method"]
    assert read.filter(method="Windows")["seeds"].item() == 2
    assert read.filter(method="Windows")["fit_seconds"].item() > 0
    assert (tmp_path / "all_slice.html").is_file()
    assert read.filter(method="Own history")["audit_future"].item() == "pass"
    assert "| Windows | " in caught.value.text.partition("artefact?")[2]
    spec["rows"].pop("Broken")
    path.write_text(yaml.safe_dump(spec, sort_keys=False))
    monkeypatch.setattr(cells, "run_one", lambda job: pytest.fail(f"ran again: {job.args}"))
    again = reproduce_table(path, store, tmp_path / "runs", overlay="slice")
    without_note = [part for part in caught.value.text.split("\n\n") if "Broken" not in part]
    assert again == "\n\n".join(without_note)

    found = (tmp_path / "runs").rglob("scores.parquet")
    broken = next(path for path in found if "Windows" in (path.parent / "scored.yaml").read_text())
    broken.write_bytes(broken.read_bytes()[:-100])
    with pytest.raises(FailedCellsError, match="to score it again"):
        reproduce_table(path, store, tmp_path / "runs", overlay="slice")
    left = set(pl.read_csv(tmp_path / "all_slice.csv")["method"])
    assert "Own history" in left
    assert "Windows" not in left


def test_common_user_days_have_one_column(table: Path) -> None:
    table.write_text(table.read_text() + "common: true\n")
    read_spec(table)
    table.write_text(table.read_text().replace("columns:", "columns:\n  other: []"))
    with pytest.raises(InputError, match="must have one column"):
        read_spec(table)


@pytest.mark.parametrize(
    "path",
    sorted(set(TABLES.glob("*/*.yaml")) - set(TABLES.glob("*/sweep.yaml"))),
    ids=lambda path: path.stem,
)
def test_every_shipped_table_is_one_and_names_a_config(path: Path) -> None:
    spec = read_spec(path)
    named = [spec["config"], *(row["config"] for row in spec["rows"].values() if "config" in row)]
    assert all((path.parent / config).is_file() for config in named)
    assert spec.get("common") or all(row["paper"] for row in spec["rows"].values())


@pytest.mark.parametrize("common", [True, False])
def test_an_overlay_that_is_not_there_is_refused(common: bool, table: Path) -> None:
    with pytest.raises(InputError, match="no overlay slcie for mask_value"):
        configs_of(table, read_spec(table) | {"common": common}, "Mask", "slcie")


def test_a_table_with_another_key_is_refused(table: Path) -> None:
    whole = table.read_text()
    table.write_text(whole.replace("seeds:", "sees:"))
    with pytest.raises(InputError, match=r"sees is unknown, seeds is meant\?; there may be"):
        read_spec(table)
    table.write_text(whole.replace("title:", "# title:"))
    with pytest.raises(InputError, match="title must be there"):
        read_spec(table)
    table.write_text("a list")
    with pytest.raises(InputError, match="must have the keys title"):
        read_spec(table)


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("rows", None, "rows must be what differs in each row"),
        ("rows", {}, "rows must be"),
        ("rows", {"Mask": None}, "rows must be"),
        ("rows", {2010: {"paper": {"pr_auc": 0.1}}}, "rows must be"),
        ("rows", {"Mask": {}}, "rows.Mask lacks paper"),
        ("rows", {"Mask": {"paper": {"pr_auc": "high"}}}, "rows.Mask.paper must be numbers"),
        ("rows", {"Mask": {"paper": {"pr_auc": 0.1}, "seed": 3}}, "rows.Mask.seed is unknown"),
        ("rows", {"Mask": {"paper": {"pr_auc": 0.1}, "test": 3}}, "rows.Mask.test must be a list"),
        ("seeds", 3, "seeds must be a list of whole numbers"),
        ("seeds", [], "seeds must be"),
        ("seeds", [-1], "seeds must be"),
        ("columns", [], "columns must be"),
        ("columns", {"a": None}, "columns must be"),
        ("fit", "--data.hours=1", "fit must be a list of arguments"),
        ("checkpoint", "../../best.ckpt", "checkpoint must be the name of a file"),
        ("source", None, "source must be a text"),
        ("config", 3, "config must be a text"),
    ],
)
def test_a_table_says_which_key_holds_something_else(
    place: str, value: object, words: str, table: Path
) -> None:
    table.write_text(yaml.safe_dump({**yaml.safe_load(table.read_text()), place: value}, sort_keys=False))
    with pytest.raises(InputError, match=words):
        read_spec(table)


@pytest.mark.parametrize(
    "option",
    [
        "--allow-import=os",
        "--config=/tmp/other.yaml",
        "-c=/tmp/other.yaml",
        "--ckpt_path=/tmp/x.ckpt",
        "--trainer.default_root_dir=/tmp/elsewhere",
        "--trainer.logger.save_dir=/tmp/elsewhere",
        "--trainer.logger=CSVLogger",
        "--trainer.callbacks.dirpath=/tmp/elsewhere",
        "--trainer.callbacks+=ModelCheckpoint",
        "--trainer.profiler=SimpleProfiler",
        "--trainer={max_epochs: 1}",
        "--data.store=/tmp/other",
        "--data.init_args.store=/tmp/other",
        "--data.init_args={store: /tmp/other}",
        "--data={class_path: Windows}",
        "--data.dict_kwargs={store: /tmp/other}",
        "--data.executor=ray",
    ],
)
@pytest.mark.parametrize("place", ["fit", "column dates", "row Mask, fit", "row Mask, test"])
def test_a_table_sets_no_place_and_allows_no_import(option: str, place: str, table: Path) -> None:
    spec = yaml.safe_load(table.read_text())
    row = spec["rows"]["Mask"]
    spec["columns"]["dates"] = []
    lists = {"fit": spec["fit"], "column dates": spec["columns"]["dates"]}
    lists |= {f"row Mask, {name}": row.setdefault(name, []) for name in ("fit", "test")}
    lists[place].append(option)
    table.write_text(yaml.safe_dump(spec, sort_keys=False))
    with pytest.raises(InputError) as raised:
        read_spec(table)
    name = option.partition("=")[0]
    assert re.match(
        f"{re.escape(f'{table}: {place}')}.* {re.escape(name)}", str(raised.value).replace("'", "")
    )


def test_an_argument_of_a_table_is_one_word(table: Path) -> None:
    table.write_text(table.read_text().replace("--trainer.max_epochs=1", "--config"))
    with pytest.raises(InputError, match="fit: '--config' must be written as --name=value"):
        read_spec(table)


def test_a_config_that_lies_elsewhere_is_refused(table: Path, tmp_path: Path) -> None:
    apart = tmp_path / "apart" / "table.yaml"
    apart.parent.mkdir()
    config = tmp_path / "other" / "x.yaml"
    config.parent.mkdir()
    config.write_text(CONFIG.read_text())
    spec = read_spec(table) | {"config": "../other/x.yaml"}
    with pytest.raises(InputError, match=r"row Mask names the config .*x\.yaml, which lies neither"):
        configs_of(apart, spec, "Mask", None)
    for folder in (apart.parent, tmp_path / "configs"):
        folder.mkdir(exist_ok=True)
        found = Path(shutil.copy(config, folder))
        assert configs_of(apart, spec | {"config": str(found)}, "Mask", None) == (found,)


def test_a_table_that_is_no_text_is_refused(table: Path) -> None:
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is no YAML"):
        read_spec(table)


def test_no_jobs_and_a_config_that_is_not_there_are_refused(table: Path, store: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="jobs must be at least 1"):
        reproduce_table(table, store, tmp_path / "runs", jobs=0)
    table.write_text(table.read_text().replace(str(CONFIG), "nowhere.yaml"))
    with pytest.raises(InputError, match=r"no config at .*nowhere.yaml, which row Mask names"):
        reproduce_table(table, store, tmp_path / "runs")


def test_where_all_cells_of_a_common_table_fail_the_first_is_told(
    table: Path, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text(table.read_text() + "common: true\n")
    monkeypatch.setattr(cells, "run_one", lambda _: "it failed")
    with pytest.raises(InputError, match=r"1 of 1 cells failed.*first: it failed; then there is no run"):
        reproduce_table(table, store, tmp_path / "runs")


def test_a_cell_waits_for_who_is_at_it_and_keeps_what_came_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("ran again"))
    with ThreadPoolExecutor() as pool:
        with lock_folder(tmp_path, wait=False):
            cell = pool.submit(run_one, Job(["fit"], tmp_path, FIT_DONE))
            with pytest.raises(TimeoutError):
                cell.result(timeout=0.2)
            (tmp_path / FIT_DONE).touch()
        assert cell.result(timeout=10) is None
