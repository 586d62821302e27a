"""DeepLog on a CPU: scoring sequences in batches beside one behaviour at a time, as public code loops.

    python benchmarks/deeplog.py
    python benchmarks/deeplog.py --lengths 500 --rows 16 --g 5

One model of two layers of width 128 and 512 tokens, trained for a moment on a made-up Markov chain; float32,
one thread, CPU seconds. A behaviour is anomalous if it is not among the g most probable ones. The decisions
of both sides are compared one by one.

Two definitions of what a behaviour is predicted from, each run both ways:

history     all behaviours of its sequence before it, as the package and RMSL do. Public loops, told to do so,
            run the LSTM over the whole history for each behaviour; in batches each behaviour is read once.
window      the h = 10 behaviours before it, from a fresh state, as DeepLog and its public code do. Nothing
            can be shared between windows, so a batch saves the overhead of calls only.

Read the ratios, not the seconds. The first grows with the length of a sequence, the second does not. In a
slice of CERT r4.2, a behaviour lies in a session of 133 on average; the longest session has 206.
"""

import argparse
from collections.abc import Callable
from functools import partial
from statistics import median
from time import process_time

import torch
from torch import Tensor

from itd_lightning.contracts.batches import SequenceBatch
from itd_lightning.methods import NextBehaviour

TOKENS, WINDOW, CHOICES = 512, 10, 12


def chain(rows: int, length: int, seed: int) -> SequenceBatch:
    """Draw sequences of a Markov chain in which a token has few successors."""
    draw = torch.Generator().manual_seed(seed)
    after = torch.randint(1, TOKENS, (TOKENS, CHOICES), generator=torch.Generator().manual_seed(0))
    steps = [torch.randint(1, TOKENS, (rows,), generator=draw)]
    for _ in range(length - 1):
        # The lower of two draws, so that the first successors are the more probable ones.
        choice = torch.randint(0, CHOICES, (2, rows), generator=draw).amin(0)
        steps.append(after[steps[-1], choice])
    places = torch.arange(rows * length).view(rows, length)
    return SequenceBatch(
        torch.stack(steps, 1), torch.full((rows,), length), places, torch.arange(rows), torch.zeros(rows)
    )


def trained(steps: int) -> NextBehaviour:
    """Train DeepLog for a moment, so that its decisions are no matter of rounding."""
    torch.manual_seed(0)
    model = NextBehaviour(partial(torch.optim.Adam, lr=3e-3), vocabulary=TOKENS, width=128, rule="top_g")
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for step in range(steps):
        optimizer.zero_grad()
        model.loss(chain(32, 50, seed=step + 1)).backward()
        optimizer.step()
    return model.eval()


def missed(model: NextBehaviour, before: Tensor, token: int, g: int) -> bool:
    """Decide on one behaviour from what stands before it, ``(L, M)``, as public code does."""
    encoded = model.encoder(before[None], torch.tensor([len(before)]))[:, -1]
    predicted = torch.argsort(model.prediction.logits(encoded), 1)[0][-g:] + 1
    return token not in predicted


def history_loop(model: NextBehaviour, batch: SequenceBatch, g: int) -> Tensor:
    """Decide on one behaviour after the other, each from its whole history."""
    before = model.earlier(batch)
    return torch.tensor(
        [
            [missed(model, before[row, : place + 1], token, g) for place, token in enumerate(tokens)]
            for row, tokens in enumerate(batch.tokens.tolist())
        ]
    )


def history_batch(model: NextBehaviour, batch: SequenceBatch, g: int) -> Tensor:
    """Decide on all behaviours at once, each from its whole history."""
    return model.score(batch) >= g


def window_loop(model: NextBehaviour, batch: SequenceBatch, g: int) -> Tensor:
    """Decide on one window after the other."""
    embedded = model.embedding(batch.tokens)
    return torch.tensor(
        [
            [
                missed(model, embedded[row, end - WINDOW : end], tokens[end], g)
                for end in range(WINDOW, len(tokens))
            ]
            for row, tokens in enumerate(batch.tokens.tolist())
        ]
    )


def window_batch(model: NextBehaviour, batch: SequenceBatch, g: int) -> Tensor:
    """Decide on all windows at once, each from a fresh state."""
    windows = batch.tokens.unfold(1, WINDOW, 1)[:, :-1].flatten(0, 1)
    lengths = torch.full((len(windows),), WINDOW)
    encoded = model.encoder(model.embedding(windows), lengths)[:, -1]
    rank = model.prediction.rank(encoded, batch.tokens[:, WINDOW:].flatten())
    return (rank >= g).view(len(batch.tokens), -1)


def spent(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """CPU seconds of a call, and what it decides."""
    start = process_time()
    decided = run()
    return process_time() - start, decided


@torch.no_grad()
def compare(model: NextBehaviour, length: int, rows: int, g: int, runs: int) -> None:
    """Run both definitions both ways, in turn, and print a line for each."""
    batch, wide = chain(rows, length, seed=0), chain(max(16384 // length, 1), length, seed=9)
    for name, loop, together in (
        ("history", history_loop, history_batch),
        ("window", window_loop, window_batch),
    ):
        slow, fast, wrong = [], [], 0
        for _ in range(runs):
            seconds, decided = spent(lambda loop=loop: loop(model, batch, g))  # type: ignore[misc]
            slow.append(seconds / decided.numel())
            wrong = int((decided != together(model, batch, g)).sum())
            # A batch as the view makes them; the loop's few rows would be a small one.
            seconds, many = spent(lambda together=together: together(model, wide, g))  # type: ignore[misc]
            fast.append(seconds / many.numel())
        one, batched = median(slow), median(fast)
        print(
            f"{name:8} {length:5} behaviours a sequence: one at a time {one * 1e6:7.0f} us a behaviour, "
            f"in batches {batched * 1e6:6.1f} us: {one / batched:5.0f} times as fast; "
            f"{wrong} of {decided.numel()} decisions differ, {float(decided.float().mean()):.0%} are alarms"
        )


def main() -> None:
    """Compare at each length."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--lengths", type=int, nargs="+", default=[50, 133, 200, 400])
    parser.add_argument("--rows", type=int, default=4, help="sequences of the loop")
    parser.add_argument("--g", type=int, default=9)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    model = trained(steps=150)
    for length in given.lengths:
        compare(model, length, given.rows, given.g, given.runs)


if __name__ == "__main__":
    main()
