"""The wheel works without the repository: configs and presets are in it and found by name."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
MAIN_JOB = [
    "synth release --users 30 --days 150 --seed 3 --insiders 0.2",
    "prepare release --store store",
    "list configs",
    "fit --config mask_value --config overlays/demo --data.store store --trainer.default_root_dir run "
    "--trainer.max_epochs 1",
    "test --ckpt_path run",
    "alerts run",
    "report run --out page",
]


@pytest.mark.slow
def test_the_main_job_runs_from_a_wheel_in_an_empty_folder(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", tmp_path / "dist", REPOSITORY], check=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", tmp_path / "installed", wheel], check=True)
    work = tmp_path / "work"
    work.mkdir()
    for command in MAIN_JOB:
        program = [sys.executable, "-m", "itd_lightning", *command.split()]
        environment = {
            "PYTHONPATH": str(tmp_path / "installed"),
            "PATH": "/usr/bin:/bin",
            "OMP_NUM_THREADS": "1",
        }
        done = subprocess.run(program, cwd=work, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (work / "page" / "report.html").is_file()
