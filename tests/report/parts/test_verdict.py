"""The sentence on top of the page names the data beside the number."""

from pathlib import Path

from itd_lightning.report.parts.verdict import verdict
from itd_lightning.report.runs import read_runs
from tests.handmade_runs import MakeRun


def test_a_number_names_its_data_in_the_same_line(make_run: MakeRun) -> None:
    run: Path = make_run()
    (read,) = read_runs([run])
    protocol = read.evaluation["protocol"] | {"data": "synthetic r4.2"}
    changed = read._replace(evaluation=read.evaluation | {"protocol": protocol})
    assert ", on synthetic r4.2: " in verdict(changed).result
