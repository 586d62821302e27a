"""What the config of a stranger's checkpoint may do: set known numbers, and nothing that reaches out."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from itd_lightning.contracts.errors import InputError
from itd_lightning.runs.checkpoint_config import safe_config

HERE = Path("x.ckpt")


def config(trainer: dict[str, Any], data: dict[str, Any] | None = None, **more: object) -> str:
    """Return the text of a config."""
    view = {"class_path": "Windows", "init_args": {"store": "store", **(data or {})}}
    model = {"class_path": "MaskValueAutoencoder"}
    return yaml.safe_dump({"trainer": trainer, "model": model, "data": view, **more})


def cleaned(text: str) -> dict[str, Any]:
    """Return what is left of a config."""
    left: dict[str, Any] = yaml.safe_load(safe_config(HERE, text))
    return left


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_nodes", 2),
        ("devices", 64),
        ("strategy", "ddp"),
        ("logger", {"class_path": "WandbRun", "init_args": {"entity": "evil", "offline": False}}),
        ("callbacks", [{"class_path": "ModelCheckpoint", "init_args": {"dirpath": "/elsewhere"}}]),
        ("plugins", [{"class_path": "SLURMEnvironment"}]),
        ("profiler", "simple"),
        ("default_root_dir", "s3://bucket"),
        ("model_registry", "evil/model"),
        ("accelerator", "tpu"),
        ("precision", "transformer-engine"),
        ("max_epochs", 1e12),
        ("max_epochs", "many"),
        ("limit_test_batches", float("nan")),
        ("inference_mode", "no"),
        ("max_time", "99:00:00:00"),
        ("what_comes_next", 1),
    ],
)
def test_a_setting_of_the_trainer_that_scoring_does_not_need_is_dropped(name: str, value: object) -> None:
    assert cleaned(config({"max_steps": 3, name: value}))["trainer"] == {"max_steps": 3}


def test_settings_in_range_are_kept() -> None:
    kept = {
        "accelerator": "cpu",
        "deterministic": "warn",
        "gradient_clip_val": None,
        "inference_mode": False,
        "limit_test_batches": 0.5,
        "max_epochs": -1,
        "precision": "bf16-mixed",
    }
    assert cleaned(config(kept))["trainer"] == kept


def test_where_a_view_works_is_not_the_checkpoints_to_say() -> None:
    ours = {"hours": 24, "num_workers": 1, "store": "store"}
    view = {**ours, "executor": "ray", "build_workers": 10_000}
    assert cleaned(config({}, view))["data"]["init_args"] == ours
    assert "num_workers" not in cleaned(config({}, {"num_workers": (os.cpu_count() or 1) + 1}))["data"]


def test_options_of_the_command_are_dropped() -> None:
    left = cleaned(config({}, ckpt_path="elsewhere.ckpt", config="other.yaml", seed_everything=7))
    assert set(left) == {"trainer", "model", "data", "seed_everything"}


def test_a_store_at_a_url_is_refused() -> None:
    with pytest.raises(InputError, match="s3://bucket/store is a URL"):
        safe_config(HERE, config({}, {"store": "s3://bucket/store"}))


@pytest.mark.parametrize("text", [None, 3, "", "a: [", "a: b", "[1, 2]", "trainer: {}\nmodel: {}\ndata: x"])
def test_a_checkpoint_without_a_config_is_refused_in_one_line(text: object) -> None:
    with pytest.raises(InputError, match=r"x\.ckpt carries no config"):
        safe_config(HERE, text)


@pytest.mark.parametrize(
    "text", [config({}) + "a: &a [1]\nb: [*a, *a]\n", "[" * 3000, config({}) + "x: 2020-99-99\n"]
)
def test_a_config_that_is_a_bomb_or_no_yaml_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(InputError, match="carries no config"):
        safe_config(HERE, text)
