"""Days that several tests of methods share: a view, and a table to compare with libraries."""

from datetime import date
from pathlib import Path

import pytest
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from itd_lightning.splits import Dates
from itd_lightning.views import Days


@pytest.fixture(scope="module")
def table() -> tuple[Float[Tensor, "n f"], Bool[Tensor, " n"], Float[Tensor, "b f"]]:
    """Return training days, whether they are malicious, and days to score."""
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(300, 6, generator=draw).exp().round()
    malicious = features.sum(dim=1) > 14
    return features, malicious, torch.randn(80, 6, generator=draw).exp().round() * 1.5


@pytest.fixture(scope="module")
def days_view(store: Path) -> Days:
    """Return the view of the slice: few features, own history, silent days, and two days before each."""
    split = Dates(date(2010, 2, 20), date(2010, 3, 1), shown=["train", "val"])
    patterns = ["*_count", "!*_pc_*", "!*_hours_*"]
    view = Days(store, split, features=patterns, history="own", silent=True, days=2, batch_size=512)
    view.prepare_data()
    view.setup("fit")
    return view
