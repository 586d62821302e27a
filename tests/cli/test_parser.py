"""What the commands promise: they chain without further arguments, and a mistake ends in one line."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import polars as pl
import pytest
import torch
import yaml

from itd_lightning.cli.parser import error_text, main
from itd_lightning.cli.terminal import console, safe
from itd_lightning.contracts.files import lock_folder
from itd_lightning.contracts.results import AuditResult
from itd_lightning.store.read import Store

CONFIG = Path(__file__).parents[2] / "configs" / "mask_value.yaml"


def refused(args: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must be refused; return its one line."""
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("itd: ")
    assert error.count("\n") == 1
    return error


def fit(store: Path, folder: Path, *more: str) -> Path:
    """Train and test a run of one epoch."""
    overrides = [
        f"--data.store={store}",
        f"--trainer.default_root_dir={folder}",
        "--trainer.max_epochs=1",
        *more,
    ]
    main(["fit", f"--config={CONFIG}", *overrides])
    main(["test", f"--ckpt_path={folder / 'checkpoints' / 'best.ckpt'}"])
    return folder


def test_test_needs_the_checkpoint_alone_and_gives_the_same_scores_again(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "copy")
    (tmp_path / "copy" / "scores.parquet").unlink()
    main(["test", "--ckpt_path", str(tmp_path / "copy" / "checkpoints" / "best.ckpt")])
    again, before = (pl.read_parquet(folder / "scores.parquet") for folder in (tmp_path / "copy", run))
    assert again.equals(before)


def test_the_same_seed_gives_the_same_scores_bit_for_bit(store: Path, tmp_path: Path) -> None:
    first, second = (fit(store, tmp_path / name) for name in ("first", "second"))
    assert pl.read_parquet(first / "scores.parquet").equals(pl.read_parquet(second / "scores.parquet"))


@pytest.mark.slow
def test_two_workers_give_the_same_scores_as_none_bit_for_bit(store: Path, tmp_path: Path) -> None:
    none = fit(store, tmp_path / "none", "--trainer.max_epochs=3")
    two = fit(store, tmp_path / "two", "--trainer.max_epochs=3", "--data.num_workers=2")
    assert pl.read_parquet(none / "scores.parquet").equals(pl.read_parquet(two / "scores.parquet"))


def test_a_run_resumed_at_an_epoch_sees_the_same_order(store: Path, tmp_path: Path) -> None:
    calm = ["--model.dropout=0", "--trainer.enable_progress_bar=false"]
    straight = fit(store, tmp_path / "straight", *calm, "--trainer.max_epochs=2")
    fit(store, tmp_path / "resumed", *calm)
    last = tmp_path / "resumed" / "checkpoints" / "last.ckpt"
    again = ["fit", f"--config={tmp_path / 'resumed' / 'config.yaml'}", "--trainer.max_epochs=2"]
    main([*again, f"--ckpt_path={last}"])
    epochs = pl.read_csv(tmp_path / "resumed" / "metrics.csv")["epoch"]
    assert epochs.unique().sort().to_list() == [0, 1]
    weights = [
        torch.load(folder / "checkpoints" / "last.ckpt") for folder in (straight, tmp_path / "resumed")
    ]
    for name, tensor in weights[0]["state_dict"].items():
        torch.testing.assert_close(weights[1]["state_dict"][name], tensor)


def test_an_override_after_the_checkpoint_counts(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    main(
        [
            "test",
            f"--ckpt_path={checkpoint}",
            f"--trainer.default_root_dir={tmp_path}",
            "--model.scored=value",
        ]
    )
    assert "another store" not in capsys.readouterr().out
    mask, value = (pl.read_parquet(folder / "scores.parquet")["score"] for folder in (run, tmp_path))
    assert not mask.equals(value)


def test_predict_scores_every_unit_of_a_store_without_a_key(
    run: Path, release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(release, tmp_path / "new", ignore=shutil.ignore_patterns("answers"))
    main(["prepare", str(tmp_path / "new"), "--store", str(tmp_path / "store")])
    checkpoint = run / "checkpoints" / "best.ckpt"
    root = f"--trainer.default_root_dir={tmp_path / 'scored'}"
    main(["predict", f"--ckpt_path={checkpoint}", f"--data.store={tmp_path / 'store'}", root])
    printed = capsys.readouterr().out
    assert "on another store than it was trained on: 0 of 24 users are not in the training store" in printed
    scores = pl.read_parquet(tmp_path / "scored" / "scores.parquet")
    assert scores["user"].n_unique() == 24
    assert set(scores["part"]) == {"predict"}
    known = pl.read_parquet(run / "scores.parquet").join(scores, on=["user", "start"])
    assert known["score"].to_list() == pytest.approx(known["score_right"].to_list(), abs=1e-6)


def test_audit_runs_the_null_attack_and_says_what_it_found(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    main(["audit", str(tmp_path / "run")])
    audits = json.loads((tmp_path / "run" / "audit.json").read_text())
    names = [audit["name"] for audit in audits["audits"]]
    assert names == [
        *("null attack", "empty units", "volume: events", "length: active hours", "leavers", "identity"),
        *("prevalence", "exact counts", "label shuffle", "future", "answer key"),
    ]
    assert audits["null"]["protocol"]["moved_days"] == 42
    assert "null attack" in capsys.readouterr().out


def test_inspect_evaluate_report_and_alerts_speak_of_the_run(
    run: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["inspect", str(store)])
    assert "view windows: can be built" in capsys.readouterr().out
    main(["evaluate", str(run), str(run / "scores.parquet"), "--json"])
    results = json.loads(capsys.readouterr().out)
    assert results[str(run)] == results[str(run / "scores.parquet")]
    main(["report", str(run), "--out", str(tmp_path)])
    assert (tmp_path / "report.html").stat().st_size > 1_000_000
    capsys.readouterr()
    main(["alerts", str(run), "--budget", "3"])
    assert capsys.readouterr().out.count("2010-") == 3


def test_a_threshold_is_chosen_without_training_and_used_from_then_on(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "run")
    usual = json.loads((run / "evaluation.json").read_text())
    main(["threshold", str(tmp_path / "run"), "--budget=0.2/day"])
    printed = capsys.readouterr().out
    assert "rule: at most 0.2 validation user-days a day above it" in printed
    assert "drift: " in printed
    chosen = json.loads((tmp_path / "run" / "threshold.json").read_text())
    evaluation = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert evaluation["threshold"] == chosen["threshold"]
    assert evaluation["protocol"]["threshold_rule"] == chosen["words"] != usual["protocol"]["threshold_rule"]
    main(["alerts", str(tmp_path / "run")])
    listed = capsys.readouterr().out
    assert "  p " in listed
    days = pl.read_parquet(run / "scores.parquet").filter(pl.col("part") == "test")
    above = days.filter(pl.col("score") > chosen["threshold"]).select("user", pl.col("start").dt.date())
    assert listed.count("2010-") == len(above.unique()) > 0
    main(["test", f"--ckpt_path={tmp_path / 'run' / 'checkpoints' / 'best.ckpt'}"])
    assert not (tmp_path / "run" / "threshold.json").exists()  # it was that of other scores


def test_a_strict_audit_that_fails_has_status_one(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run, tmp_path / "run")
    failed = AuditResult("volume", 0.0, None, 0.0, passed=False, verdict="It only counts.")
    monkeypatch.setattr("itd_lightning.audits.volume.count_results", lambda *_: [failed])
    with pytest.raises(SystemExit) as stop:
        main(["audit", str(tmp_path / "run"), "--null=false", "--future=false", "--strict"])
    assert stop.value.code == 1
    assert "volume" in capsys.readouterr().err
    assert (tmp_path / "run" / "audit.json").is_file()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["threshold", "/nowhere", "--budget=10"], "such as 10/day, got '10'"),
        (["threshold", "/nowhere", "--budget=1/day", "--fdr=0.1"], "exclude one another"),
        (["threshold", "/nowhere"], "no rule was given"),
        (["audit", "/nowhere", "--retrain", "--future=false"], "--retrain is part of the future probe"),
        (["fit", f"--config={CONFIG}", "--model.unknown=1"], "Option 'unknown' is not accepted"),
        (["fit", f"--config={CONFIG}", "--model=os.system"], "Importing 'os.system' is not allowed"),
        (
            ["fit", f"--config={CONFIG}", "--model.optimizer=subprocess.run"],
            "'subprocess.run' is not allowed",
        ),
        (["fit", f"--config={CONFIG}", "--trainer.logger=runpy.run_path"], "is not allowed"),
        (["fit", f"--config={CONFIG}", "--data.hours=13"], "multiple of 4, and features at least 1, got 13"),
        (["fit", f"--config={CONFIG}", "--data.store=/nowhere"], "no event store at /nowhere"),
        (["fit", "--config=/nowhere.yaml"], "File does not exist"),
        (["test", "--ckpt_path=/nowhere.ckpt"], "no checkpoint at /nowhere.ckpt"),
        (["prepare", "/nowhere", "--store=/tmp/x"], "no folder or .tar.bz2 at /nowhere"),
        (["inspect", "/nowhere"], "no event store at /nowhere"),
        (["evaluate", "/nowhere"], "no scores at /nowhere"),
        (["audit", "/nowhere"], "no scores at /nowhere"),
        (["alerts", "/nowhere", "--budget=ten"], "budget must be a number"),
        (["synth", "/nowhere/x", "--users=2"], "users"),
        (["reproduce", "/nowhere.yaml", "--store=/x"], "no table at /nowhere.yaml"),
        (["nonsense"], "invalid choice: 'nonsense'"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_a_mistake_ends_in_one_line_and_status_two(
    args: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(args, capsys)


def test_an_error_of_the_system_names_the_file_and_no_number() -> None:
    assert error_text(FileExistsError(17, "File exists", "out")) == "out: File exists"
    assert error_text(PermissionError(13, "Permission denied")) == "Permission denied"
    assert error_text(OSError(28, "No space left on device")).startswith("no space left on the disk")
    assert error_text(OSError("odd")) == "odd"


def test_an_unknown_key_in_a_yaml_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "typo.yaml").write_text(CONFIG.read_text().replace("latent: 32", "latnet: 32"))
    assert "latnet" in refused(["fit", f"--config={tmp_path / 'typo.yaml'}"], capsys)


def test_a_strangers_checkpoint_writes_nothing_outside_of_its_run(run: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(run / "checkpoints" / "best.ckpt")
    config = yaml.safe_load(checkpoint["itd_config"])
    profiler = "lightning.pytorch.profilers.SimpleProfiler"
    outside = {"dirpath": str(tmp_path / "outside"), "filename": "x"}
    config["trainer"]["profiler"] = {"class_path": profiler, "init_args": outside}
    config["trainer"]["num_nodes"] = 2  # would wait for the other, on all interfaces
    checkpoint["itd_config"] = yaml.safe_dump(config)
    (tmp_path / "run").mkdir()
    torch.save(checkpoint, tmp_path / "run" / "x.ckpt")
    main(["test", f"--ckpt_path={tmp_path / 'run' / 'x.ckpt'}"])
    assert (tmp_path / "run" / "scores.parquet").is_file()
    assert not (tmp_path / "outside").exists()


@pytest.fixture
def asked() -> Iterator[tuple[str, list[str]]]:
    """Return the address of a server that has every file, and what it was asked for."""
    paths: list[str] = []

    class Server(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(CONFIG.read_bytes())

        do_HEAD = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", paths
        server.shutdown()
        thread.join()


def test_nothing_is_fetched(
    asked: tuple[str, list[str]],
    store: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, paths = asked
    fits = ["fit", f"--config={CONFIG}", f"--data.store={store}"]
    for args in (
        ["fit", f"--config={address}/x.yaml", f"--data.store={store}"],
        ["fit", "-c", f"simplecache::{address}/x.yaml"],
        ["evaluate", "--config", f"{address}/x.yaml"],
        [*fits, f"--ckpt_path={address}/x.ckpt", "--trainer.logger=false"],
        ["test", f"--config={CONFIG}", f"--ckpt_path={address}/x.ckpt", "--trainer.logger=false"],
        ["inspect", f"{address}/store"],
        [*fits, f"--trainer.default_root_dir={address}/run"],
    ):
        assert "is a URL, and nothing is fetched" in refused(args, capsys)
    within = {"model": f"{address}/model.yaml", "data": f"{address}/data.yaml"}
    for name, url in within.items():
        (tmp_path / "x.yaml").write_text(yaml.safe_dump({**yaml.safe_load(CONFIG.read_text()), name: url}))
        refused(["fit", f"--config={tmp_path / 'x.yaml'}"], capsys)
    whole = yaml.safe_load(CONFIG.read_text())
    whole["trainer"]["default_root_dir"] = "memory://run"
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(whole))
    assert "memory://run is a URL" in refused(["fit", f"--config={tmp_path / 'x.yaml'}"], capsys)
    assert not paths


def test_more_devices_than_cores_are_refused(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [f"--config={CONFIG}", f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}"]
    assert "devices must be at most" in refused(["fit", *args, "--trainer.devices=9999"], capsys)


def test_a_training_that_diverged_is_no_success(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [f"--config={CONFIG}", f"--data.store={store}", f"--trainer.default_root_dir={tmp_path}"]
    assert "diverged" in refused(
        ["fit", *args, "--trainer.max_epochs=1", "--model.optimizer.lr=1e30"], capsys
    )


def test_log_text_is_no_markup_in_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for text in ("[bold red]x[/]", "\\[red]x", ":bomb:", "a\x1b[31mb", "c\u202ed"):
        console().print(safe(text), highlight=False)
    printed = capsys.readouterr().out
    assert printed.splitlines() == ["[bold red]x[/]", "\\[red]x", ":bomb:", "a?[31mb", "c?d"]


@pytest.mark.parametrize("name", ["itd", "lightning"])
def test_both_names_are_installed_and_answer(name: str) -> None:
    program = Path(sys.executable).parent / name
    done = subprocess.run([program, "--help"], capture_output=True, text=True, check=True, env={**os.environ})
    for command in (
        "synth",
        "prepare",
        "inspect",
        "thin",
        "fit",
        "test",
        "predict",
        "evaluate",
        "audit",
        "threshold",
        "report",
        "alerts",
    ):
        assert f"    {command} " in done.stdout


def test_prepare_says_what_it_will_cost_and_what_became_of_each_log(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["prepare", str(release), f"--store={tmp_path / 'store'}", "--no-content", "--shards=2"])
    first, *rest = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        r"r4\.2: about [\d,]+ rows, \d+ s, \S+ MB of disk while building, \S+ MB in the end; \S+ GB are free",
        first,
    )
    assert any("http" in line and line.rstrip("│ ").endswith(" 0") for line in rest)
    kept = Store(tmp_path / "store").scan().select(pl.col("content").is_not_null().any()).collect().item()
    assert not kept


def test_prepare_keeps_the_content_of_named_kinds(release: Path, tmp_path: Path) -> None:
    main(["prepare", str(release), f"--store={tmp_path / 'store'}", "--content=email_send,file_copy"])
    events = Store(tmp_path / "store").scan().filter(pl.col("content").is_not_null())
    assert set(events.select(pl.col("kind").unique()).collect()["kind"]) == {"email_send", "file_copy"}


def test_prepare_adds_to_a_store(release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = f"--store={tmp_path / 'store'}"
    main(["prepare", str(release), store, "--no-content"])
    assert "exists already" in refused(["prepare", str(release), store], capsys)
    capsys.readouterr()
    main(["prepare", str(release), store, "--append"])
    assert re.search(
        r"^refused: duplicate id [\d,]+; see .*rejects\.parquet$", capsys.readouterr().out, re.MULTILINE
    )
    assert len(Store(tmp_path / "store").manifest["sources"]) == 2
    assert "exclude one another" in refused(
        ["prepare", str(release), store, "--no-content", "--content=other"], capsys
    )


def test_an_interrupted_prepare_says_how_it_goes_on(
    release: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("itd_lightning.store.build.build.sort_shards", interrupted)
    with pytest.raises(SystemExit) as stop:
        main(["prepare", str(release), f"--store={tmp_path / 'store'}"])
    assert stop.value.code == 130
    words = capsys.readouterr().err
    assert words.startswith("itd: interrupted; the same command goes on with what is done, which lies in ")


def test_a_checkpoint_of_another_method_is_named_in_one_line(
    run: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = run / "checkpoints" / "best.ckpt"
    with pytest.raises(SystemExit):
        main(
            [
                "test",
                f"--config={CONFIG}",
                "--model.latent=8",
                f"--data.store={store}",
                f"--ckpt_path={checkpoint}",
                f"--trainer.default_root_dir={tmp_path / 'other'}",
            ]
        )
    assert "of another method, or of another size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("--data.store=nowhere", "no event store at"), ("--model.latent=8", "of another method")],
)
def test_a_test_that_cannot_begin_leaves_the_results_of_the_last_one(
    wrong: str, words: str, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "threshold.json").write_text("{}")
    before = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    with pytest.raises(SystemExit):
        main(["test", f"--ckpt_path={copy / 'checkpoints' / 'best.ckpt'}", wrong])
    assert words in capsys.readouterr().err
    assert {path: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


def test_a_fit_that_cannot_begin_leaves_the_results_of_the_last_one(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    before = {path: path.read_bytes() for path in copy.iterdir() if path.is_file()}
    with pytest.raises(SystemExit):
        main(["fit", f"--config={CONFIG}", "--data.store=nowhere", f"--trainer.default_root_dir={copy}"])
    assert {path: path.read_bytes() for path in copy.iterdir() if path.is_file()} == before


def test_a_new_test_forgets_the_threshold_and_audits_of_the_last_one(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    (copy / "audit").mkdir()
    (copy / "audit.json").write_text('{"audits": []}')
    main(["threshold", str(copy), "--budget=0.2/day"])
    assert (copy / "threshold.json").is_file()
    main(["test", f"--ckpt_path={copy / 'checkpoints' / 'best.ckpt'}"])
    assert {path.name for path in copy.iterdir()} == {path.name for path in run.iterdir()}


@pytest.mark.parametrize("command", ["fit", "inspect"])
def test_a_config_that_is_no_text_is_named(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\x00")
    with pytest.raises(SystemExit) as stop:
        main([command, f"--config={tmp_path / 'bytes.yaml'}"])
    assert stop.value.code == 2
    words = capsys.readouterr().err
    assert "bytes.yaml" in words
    assert "is no text in UTF-8" in words


def test_a_run_is_audited_by_one_program_at_a_time(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run, tmp_path / "copy")
    with lock_folder(tmp_path / "copy", wait=False), pytest.raises(SystemExit):
        main(["audit", str(tmp_path / "copy"), "--null=false"])
    assert "another program is at work in" in capsys.readouterr().err
    assert not (tmp_path / "copy" / "audit.json").exists()
