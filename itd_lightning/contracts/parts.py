"""Names of the parts that a split assigns to units; whoever reads scores takes them from here."""

from typing import Final, Literal, get_args

Part = Literal["train", "val", "test", "unused", "predict"]
PARTS: tuple[Part, ...] = get_args(Part)
TRAIN: Final = "train"
VAL: Final = "val"
TEST: Final = "test"
_PREDICT: Final = "predict"  # all units of a store that is scored without a split

TEST_PARTS = (TEST, _PREDICT)  # what nothing was fitted or chosen on
