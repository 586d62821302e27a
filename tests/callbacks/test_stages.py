"""Tests of training in stages, on a method of two weights."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor, nn
from torch.utils.data import DataLoader

from itd_lightning.callbacks import AtomicCheckpointIO, Checkpoints, Stage, StageSchedule
from itd_lightning.contracts.errors import InputError

pytestmark = [
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]


class Two(LightningModule):
    """Each step adds the learning rate to what learns; what validation sees is prescribed by the epoch."""

    def __init__(self, losses: list[float]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        for part in (self.first, self.second):
            nn.init.zeros_(part.weight)
        self.stage, self.stages = "", ("a", "b", "c")
        self.losses, self.entered = losses, list[tuple[str, float]]()

    def on_stage_start(self) -> None:
        """Note where the weight stood."""
        self.entered.append((self.stage, self.first.weight.item()))

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """Return what falls as the weights rise; log the prescribed loss."""
        self.log("train/loss", self.losses[self.current_epoch], on_step=False, on_epoch=True)
        return -(self.first.weight + self.second.weight).sum()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        """Log the prescribed loss."""
        self.log("val/loss", torch.tensor(self.losses[self.current_epoch]))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=99.0)


def fit(
    folder: Path,
    losses: list[float],
    *stages: Stage,
    resume: bool = False,
    epochs: int = 20,
    only: tuple[str, ...] = (),
    monitor: str = "val/loss",
) -> Two:
    """Train and return the method."""
    method = Two(losses)
    data: DataLoader[Tensor] = DataLoader(torch.zeros(1, 1))  # type: ignore[arg-type]
    schedule = StageSchedule(list(stages), monitor, only)
    trainer = Trainer(
        default_root_dir=folder,
        max_epochs=epochs,
        callbacks=[schedule, Checkpoints(monitor)],
        plugins=[AtomicCheckpointIO()],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        accelerator="cpu",
    )
    path = str(folder / "checkpoints" / "last.ckpt") if resume else None
    trainer.fit(method, data, data, ckpt_path=path)
    return method


def weights(folder: Path, name: str) -> tuple[float, float]:
    """Return both weights of a checkpoint."""
    state = torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
    return state["first.weight"].item(), state["second.weight"].item()


def test_each_stage_starts_from_the_best_of_the_one_before_at_its_own_pace(tmp_path: Path) -> None:
    plan = Stage("a", 3, 1.0, ["first"]), Stage("b", 2, 10.0)
    method = fit(tmp_path, [5.0, 4.0, 6.0, 70.0, 60.0], *plan)
    assert method.entered == [("a", 0.0), ("b", 2.0)]  # the second of three epochs was best
    assert weights(tmp_path, "a") == (2.0, 0.0)
    assert weights(tmp_path, "b") == (22.0, 20.0)
    assert weights(tmp_path, "best") == (22.0, 20.0)


def test_a_stage_ends_early_where_nothing_improves(tmp_path: Path) -> None:
    plan = Stage("a", 9, 1.0, patience=2), Stage("b", 1, 10.0)
    method = fit(tmp_path, [5.0, 6.0, 7.0, 1.0], *plan)
    assert method.entered == [("a", 0.0), ("b", 1.0)]
    assert method.trainer.current_epoch == 4


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_a_run_goes_on_where_it_stopped(stop: int, tmp_path: Path) -> None:
    plan, losses = (Stage("a", 3, 1.0, ["first"]), Stage("b", 2, 10.0)), [5.0, 4.0, 6.0, 70.0, 60.0]
    fit(tmp_path, losses, *plan, epochs=stop)
    fit(tmp_path, losses, *plan, resume=True)
    assert weights(tmp_path, "a") == (2.0, 0.0)
    assert weights(tmp_path, "b") == weights(tmp_path, "last") == (22.0, 20.0)


def test_a_kill_after_the_next_best_was_written_loses_no_stage(tmp_path: Path) -> None:
    """The best of a stage is kept before the next one can overwrite it."""
    plan, losses = (Stage("a", 1, 1.0), Stage("b", 2, 10.0)), [5.0, 70.0, 60.0]
    fit(tmp_path, losses, *plan, epochs=1)
    last = (tmp_path / "checkpoints" / "last.ckpt").read_bytes()
    fit(tmp_path, losses, *plan, resume=True, epochs=2)
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes(last)  # as if the kill came between the two files
    fit(tmp_path, losses, *plan, resume=True)
    assert weights(tmp_path, "b") == (21.0, 21.0)


def test_the_last_checkpoint_is_of_the_last_epoch_though_another_was_better(tmp_path: Path) -> None:
    fit(tmp_path, [5.0, 4.0, 6.0], Stage("a", 3, 1.0))
    assert weights(tmp_path, "best") == (2.0, 2.0)
    assert weights(tmp_path, "last") == (3.0, 3.0)


def test_a_new_run_forgets_the_stages_of_an_old_one(tmp_path: Path) -> None:
    fit(tmp_path, [5.0, 4.0], Stage("a", 2, 1.0))
    fit(tmp_path, [5.0, 6.0, 1.0], Stage("a", 2, 3.0), Stage("b", 1, 1.0))
    assert weights(tmp_path, "a") == (3.0, 3.0)


@pytest.mark.parametrize("stop", [None, 1, 2, 3, 4])
@pytest.mark.parametrize(("later", "kept"), [([4.5, 4.2], (2.0, 0.0)), ([4.5, 3.9], (22.0, 20.0))])
def test_a_stage_that_improves_another_keeps_only_what_is_better(
    later: list[float], kept: tuple[float, float], stop: int | None, tmp_path: Path
) -> None:
    plan, losses = (Stage("a", 2, 1.0, ["first"]), Stage("b", 2, 10.0, improves="a")), [5.0, 4.0, *later]
    if stop:
        fit(tmp_path, losses, *plan, epochs=stop)
    fit(tmp_path, losses, *plan, resume=bool(stop))
    assert weights(tmp_path, "a") == (2.0, 0.0)
    assert weights(tmp_path, "b") == weights(tmp_path, "best") == kept
    assert weights(tmp_path, "last") == (22.0, 20.0)


def test_a_stage_that_was_left_out_or_did_not_come_right_before_is_not_improved(tmp_path: Path) -> None:
    plan = Stage("a", 1, 1.0), Stage("c", 1, 1.0), Stage("b", 1, 10.0, improves="a")
    fit(tmp_path, [5.0, 60.0, 70.0], *plan)
    assert weights(tmp_path, "b") == (12.0, 12.0)
    fit(tmp_path, [5.0, 70.0], *plan, only=("c", "b"))
    assert weights(tmp_path, "b") == (11.0, 11.0)


def test_losses_of_training_are_not_compared_between_stages(tmp_path: Path) -> None:
    plan = Stage("a", 1, 1.0), Stage("b", 1, 10.0, improves="a")
    fit(tmp_path, [5.0, 70.0], *plan, monitor="train/loss")
    assert weights(tmp_path, "b") == (11.0, 11.0)


def test_an_ablation_leaves_stages_out() -> None:
    schedule = StageSchedule([Stage("a", 1, 1.0), Stage("b", 1, 1.0)], only=["b"])
    assert [stage.name for stage in schedule.stages] == ["b"]
    with pytest.raises(ValueError, match="there are, a; got 'c'"):
        StageSchedule([Stage("a", 1, 1.0)], only=["c"])


@pytest.mark.parametrize(
    "stages",
    [
        [],
        [Stage("a", 1, 1.0), Stage("a", 1, 1.0)],
        [Stage("a", 0, 1.0)],
        [Stage("a", 1, -1.0)],
        [Stage("a", 1, 1.0, patience=0)],
        [Stage("../evil", 1, 1.0)],
        [Stage("last", 1, 1.0)],
        [Stage("a", 1, 1.0, improves="z")],
        [Stage("a", 1, 1.0, improves="a")],
        [Stage("a", 1, 1.0, improves="b"), Stage("b", 1, 1.0)],
    ],
)
def test_stages_that_make_no_sense_are_refused(stages: list[Stage]) -> None:
    with pytest.raises(ValueError, match=r"different names|positive|small letters|an earlier one"):
        StageSchedule(stages)


def test_a_run_that_goes_back_to_a_stage_does_the_later_ones_again(tmp_path: Path) -> None:
    plan, losses = (Stage("a", 1, 1.0), Stage("b", 1, 10.0)), [5.0, 70.0]
    fit(tmp_path, losses, *plan)
    (tmp_path / "checkpoints" / "last.ckpt").write_bytes((tmp_path / "checkpoints" / "a.ckpt").read_bytes())
    fit(tmp_path, losses, Stage("a", 1, 1.0), Stage("b", 1, 100.0), resume=True)
    assert weights(tmp_path, "b") == (101.0, 101.0)


def test_a_run_goes_on_with_its_own_stages_only(tmp_path: Path) -> None:
    fit(tmp_path, [5.0], Stage("a", 1, 1.0), Stage("b", 1, 10.0), epochs=1)
    with pytest.raises(InputError, match="begin anew"):
        fit(tmp_path, [5.0, 6.0], Stage("b", 1, 10.0), resume=True)


@pytest.mark.parametrize(
    ("stage", "complaint"),
    [(Stage("d", 1, 1.0), "no stage 'd', only a, b, c"), (Stage("a", 1, 1.0, ["frist"]), "no part 'frist'")],
)
def test_what_the_method_does_not_have_is_refused_before_training(
    stage: Stage, complaint: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=complaint):
        fit(tmp_path, [5.0], stage)


def test_too_few_epochs_for_all_stages_are_announced(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="take up to 5 epochs and --trainer.max_epochs is 1"):
        fit(tmp_path, [5.0], Stage("a", 5, 1.0), epochs=1)


def test_a_method_without_stages_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not train in stages"):
        StageSchedule([Stage("a", 1, 1.0)]).on_fit_start(
            Trainer(default_root_dir=tmp_path, logger=False), LightningModule()
        )
