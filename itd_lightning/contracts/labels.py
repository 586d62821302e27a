"""Names of the label policies, which splits choose and the evaluation applies."""

from typing import Literal

LabelPolicy = Literal["event", "interval", "user"]
