"""What the check of arguments promises: no value that somebody types is ignored without a word."""

from pathlib import Path

import pytest

from itd_lightning.contracts.errors import InputError
from itd_lightning.runs.arguments import refuse_followers

PARSED = {
    "seed_everything": 0,
    "data": {"init_args": {"seed": 0, "hours": 24}},
    "model": {"init_args": {"hours": 24}},
}
CONFIG = "data:\n  class_path: Days\n  init_args:\n    seed: 5\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data.seed=5"], "--data.seed 5 would be ignored, since seed_everything decides"),
        (["--data.init_args.seed", "5"], "give --seed_everything instead"),
        (["--data", "{class_path: Days, init_args: {seed: 5}}"], "data.init_args.seed 5 would be ignored"),
        (
            ["--model.hours=12"],
            "--model.hours 12 would be ignored, since data.hours decides: give --data.hours",
        ),
    ],
)
def test_a_value_that_another_option_decides_is_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refuse_followers(["fit", *arguments], PARSED)


@pytest.mark.parametrize("option", ["--config", "-c"])
def test_a_seed_of_the_data_in_a_config_is_refused(option: str, tmp_path: Path) -> None:
    (tmp_path / "it.yaml").write_text(CONFIG)
    with pytest.raises(InputError, match=r"it\.yaml: data\.init_args\.seed 5 would be ignored"):
        refuse_followers(["fit", option, str(tmp_path / "it.yaml")], PARSED)


def test_what_is_used_is_not_refused() -> None:
    refuse_followers(["fit", "--data.seed=0", "--data.split.seed=5", "--model.hours", "24"], PARSED)
    refuse_followers(["fit", "--data", "Days"], PARSED)


def test_a_config_from_python_is_checked_likewise() -> None:
    config = {"subcommand": "fit", "fit": {"data": {"init_args": {"seed": 5}}}}
    with pytest.raises(InputError, match=r"data\.init_args\.seed 5 would be ignored"):
        refuse_followers(config, PARSED)
    refuse_followers({"subcommand": "fit", "fit": PARSED}, PARSED)
