"""The arguments that all views share: batch size, processes and seed."""

from typing import NamedTuple

from itd_lightning.executors import Place


class Loading(NamedTuple):
    """Arguments that decide speed and order, not the content of a view.

    Attributes:
        batch_size: Rows per batch.
        num_workers: Loader processes; 0 loads in the main process. The scores do not depend on it.
        seed: Decides the order of training rows, and which rows are drawn or made up. The command line gives
            ``seed_everything`` here.
        build_workers: Processes that build the view from the store's shards; the view does not depend on it.
        executor: Where they run: on this machine, or on Ray.
    """

    batch_size: int
    num_workers: int = 0
    seed: int = 0
    build_workers: int = 1
    executor: Place = "local"
