"""The split of a loader's batches over the ranks of a run on several devices; ``View.loader`` uses it."""

from collections.abc import Iterator
from itertools import chain, islice

from torch.utils.data import DistributedSampler, Sampler

from itd_lightning.contracts.errors import InputError


class RankBatches(DistributedSampler[list[int]]):
    """Every W-th batch, beginning with that of the rank's number.

    The batches are those of one device, whole, so that no score depends on the number of devices. It is a
    DistributedSampler so that Lightning does not split the rank's share a second time.

    Args:
        batches: All batches, in an order that is the same on every rank.
        ranks: Number W of ranks.
        rank: Number of this one.
        even: Give every rank the same number of batches, as training needs; the first ones come up twice.

    Raises:
        InputError: If a rank would have no batch.
    """

    def __init__(self, batches: Sampler[list[int]], ranks: int, rank: int, *, even: bool) -> None:
        super().__init__(batches, num_replicas=ranks, rank=rank, shuffle=False)  # type: ignore[arg-type]  # sized
        self.batches, self.ranks, self.even = batches, ranks, even
        if len(self.batches) < ranks:  # type: ignore[arg-type]  # sized
            raise InputError(
                f"{len(self.batches)} batches cannot be split over {ranks} devices: use --trainer.devices 1"  # type: ignore[arg-type]
            )

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch of the shuffling sampler."""
        super().set_epoch(epoch)
        shuffle = getattr(self.batches, "sampler", self.batches)
        if hasattr(shuffle, "set_epoch"):
            shuffle.set_epoch(epoch)

    def __len__(self) -> int:
        count = len(self.batches)  # type: ignore[arg-type]  # sized
        return -(-count // self.ranks) if self.even else len(range(self.rank, count, self.ranks))

    def __iter__(self) -> Iterator[list[int]]:
        # Lazy, as the samplers are: a resumed Trainer makes the iterator before it says the epoch.
        stop = len(self) * self.ranks if self.even else None
        repeats = self.batches if self.even else ()
        return islice(chain(self.batches, repeats), self.rank, stop, self.ranks)
