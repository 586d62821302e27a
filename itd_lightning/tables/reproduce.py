"""A paper's table, repeated: every cell fitted, scored and measured, the paper's number beside ours.

A table is one YAML file:

    title, source   what it repeats
    config          the config every cell starts from, relative to the YAML
    seeds           one run each; the table shows their mean
    checkpoint      best.ckpt, last.ckpt, or that of a stage
    fit             arguments of every fit
    columns         name -> arguments of the fit
    rows            name -> the paper's numbers by their place in evaluation.json, and where a row differs:
                    fit and test arguments, config, checkpoint, seeds
    common          true: instead of papers' numbers, all rows on their common user-days, with the audits
                    of the first seed of each; one column

Cells share a run wherever their fit is the same. An overlay changes every config, and so makes other runs:
``slice`` is configs/overlays/METHOD_slice.yaml, or slice.yaml where a method has none of its own; on common
user-days those without one stay as they are. A run is
done if its folder, named by a hash of code, configs, arguments and store, holds an evaluation; so an
interrupted table goes on where it stopped. A cell that fails stops no other; it is a dash, and comes up again
at the next call.
"""

from collections.abc import Mapping
from pathlib import Path

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import private_folder
from itd_lightning.contracts.results import Evaluation
from itd_lightning.contracts.run_files import AUDIT_FILE, BEST_CHECKPOINT, EVALUATION_FILE, SCORE_FILE
from itd_lightning.evaluation.comparison import common_table
from itd_lightning.evaluation.evaluate import evaluate, write_json
from itd_lightning.report.sections.comparison import cost
from itd_lightning.runs.code_hash import scoring_code
from itd_lightning.runs.folder import read_audits
from itd_lightning.runs.queue import TableCell, audit_job, fit_job, is_fitted, is_scored, run_all, score_job
from itd_lightning.store.read import Store
from itd_lightning.store.source_hash import digest
from itd_lightning.tables.arguments import check_config
from itd_lightning.tables.comparison import write_common
from itd_lightning.tables.paper import compare, write_table
from itd_lightning.tables.spec import TableSpec, read_spec


class FailedCellsError(InputError):
    """Some cells failed; the table of the others is written.

    Args:
        message: What failed.
        text: The Markdown table.
    """

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


def reproduce_table(
    table: Path,
    store: Path,
    out: Path,
    jobs: int = 1,
    overlay: str | None = None,
    tables: Path | None = None,
) -> str:
    """Run what is missing, measure everything, and write ``NAME.md``, ``NAME.csv`` and ``NAME.html``.

    Args:
        table: The YAML.
        store: Event store.
        out: Folder for the runs.
        jobs: Cells that run at the same time.
        overlay: Name of an overlay for every config.
        tables: Folder for the three; without it they are written beside the YAML.

    Returns:
        The Markdown table.

    Raises:
        InputError: If the YAML or the store does not fit, or nothing is left to compare.
        FailedCellsError: If a cell failed, after all others are done and the table is written.
    """
    if jobs < 1:
        raise InputError(f"jobs must be at least 1, got {jobs}")
    spec = read_spec(table)
    event_store = Store(store)
    if event_store.manifest["answers"] is None:
        raise InputError(f"{store} has no answer key, so no cell can be measured")
    target = table if overlay is None else table.with_stem(f"{table.stem}_{overlay}")
    stem = (tables or table.parent) / target.name
    configs = {row: configs_of(table, spec, row, overlay) for row in spec["rows"]}
    private_folder(stem.parent)  # before hours of fits, not after them
    versions = {row: [scoring_code(paths), event_store.fingerprint] for row, paths in configs.items()}
    cells = {
        (row, column, seed): plan_cell(spec, configs[row], row, column, seed, out, versions[row])
        for row in spec["rows"]
        for column in spec["columns"]
        for seed in _seeds_of(spec, row)
    }
    fits = {cell.run: cell for cell in cells.values()}
    tests = {cell.test_folder: cell for cell in cells.values()}
    fit_jobs = [fit_job(cell, store) for cell in fits.values() if not is_fitted(cell)]
    failures = run_all(fit_jobs, jobs)
    test_jobs = [score_job(cell) for cell in tests.values() if is_fitted(cell) and not is_scored(cell)]
    failures += run_all(test_jobs, jobs)
    results, error_lines = _evaluate_cells(
        [folder for folder, cell in tests.items() if is_scored(cell)], store
    )
    failures += error_lines
    audit_jobs = [audit_job(folder) for folder in _folders_without_audits(spec, cells) if folder in results]
    failures += run_all(audit_jobs, jobs)
    count = len(fit_jobs) + len(test_jobs) + len(audit_jobs) + len(error_lines)
    failure_words = f"{len(failures)} of {count} cells failed, the others are kept; first: "
    code = digest(sorted({code for code, _ in versions.values()}))
    data = f"{_summarise_store(event_store)}; scoring code `{code}`"
    if spec.get("common"):
        try:
            scored_cells = {place: cell for place, cell in cells.items() if cell.test_folder in results}
            text = _write_beside_each_other(stem, spec, scored_cells, data)
        except InputError as error:
            raise InputError(
                f"{failure_words}{failures[0]}; then {error}" if failures else str(error)
            ) from error
    else:
        evaluations = {
            place: results[cell.test_folder] for place, cell in cells.items() if cell.test_folder in results
        }
        lines = [
            compare(
                row,
                measure,
                paper,
                {c: _all_seeds(evaluations, row, c, _seeds_of(spec, row)) for c in spec["columns"]},
            )
            for row, entry in spec["rows"].items()
            for measure, paper in entry["paper"].items()
        ]
        text = write_table(stem, spec, lines, data)
    if failures:
        raise FailedCellsError(failure_words + failures[0], text)
    return text


def _write_beside_each_other(
    stem: Path, spec: TableSpec, cells: dict[tuple[str, str, int], TableCell], data: str
) -> str:
    """Write the table of all rows, of which every seed was scored, on their common user-days."""
    (column,) = spec["columns"]
    places_by_row = {row: [(row, column, seed) for seed in _seeds_of(spec, row)] for row in spec["rows"]}
    complete = {
        row: [cells[one] for one in places]
        for row, places in places_by_row.items()
        if cells.keys() >= set(places)
    }
    table = common_table(
        {row: [cell.test_folder / SCORE_FILE for cell in seeds] for row, seeds in complete.items()}
    )
    costs = {row: cost(seeds[0].run) for row, seeds in complete.items()}
    audits = {row: read_audits(seeds[0].test_folder / AUDIT_FILE) for row, seeds in complete.items()}
    return write_common(stem, spec, table, costs, audits, data)


def _folders_without_audits(spec: TableSpec, cells: dict[tuple[str, str, int], TableCell]) -> list[Path]:
    """Return folders that lack audits: on common user-days, of the first seed of each scored row."""
    if not spec.get("common"):
        return []
    (column,) = spec["columns"]
    first = [cells[row, column, _seeds_of(spec, row)[0]] for row in spec["rows"]]
    return [
        cell.test_folder
        for cell in first
        if is_scored(cell) and not (cell.test_folder / AUDIT_FILE).is_file()
    ]


def _seeds_of(spec: TableSpec, row: str) -> list[int]:
    """Return the seeds of a row: its own, or those of all rows."""
    seeds: list[int] = spec["rows"][row].get("seeds", spec["seeds"])
    return seeds


def _all_seeds(
    evaluations: Mapping[tuple[str, str, int], Evaluation], row: str, column: str, seeds: list[int]
) -> list[Evaluation]:
    """Return the evaluations of a row and column; none where a seed failed, since a mean needs all."""
    results = [evaluations[row, column, seed] for seed in seeds if (row, column, seed) in evaluations]
    return results if len(results) == len(seeds) else []


def configs_of(table: Path, spec: TableSpec, row: str, overlay: str | None) -> tuple[Path, ...]:
    """Return the config of a row, and its overlay.

    Raises:
        InputError: If one of them is not there.
    """
    config = (table.parent / spec["rows"][row].get("config", spec["config"])).resolve()
    if not config.is_file():
        raise InputError(f"{table}: there is no config at {config}, which row {row} names")
    check_config(table, f"row {row}", config)
    if overlay is None:
        return (config,)
    candidates = [
        config.parent / "overlays" / f"{name}.yaml" for name in (f"{config.stem}_{overlay}", overlay)
    ]
    overlays = [path for path in candidates if path.is_file()]
    if not overlays:
        raise InputError(
            f"no overlay {overlay} for {config.name}: neither {candidates[0]} nor {candidates[1].name}"
        )
    if spec.get("common") and candidates[0] not in overlays:
        return (config,)
    return config, overlays[0]


def _summarise_store(store: Store) -> str:
    """Return the size and the fingerprint of the store in words."""
    manifest = store.manifest
    size = f"{manifest['users']} users, {manifest['events']:,} events"
    return f"{store.data}, {size}, fingerprint `{store.fingerprint}`"


def _evaluate_cells(folders: list[Path], store: Path) -> tuple[dict[Path, Evaluation], list[str]]:
    """Evaluate cells' scores by today's rules, whenever they were made; return the damaged ones as well."""
    results, error_lines = {}, []
    for folder in folders:
        try:
            results[folder] = evaluate(folder / SCORE_FILE, store)
        except InputError as error:
            error_lines.append(f"{error}; delete {folder} to score it again")
        else:
            write_json(folder / EVALUATION_FILE, results[folder])
    return results, error_lines


def plan_cell(
    spec: TableSpec,
    configs: tuple[Path, ...],
    row: str,
    column: str,
    seed: int,
    out: Path,
    versions: list[str],
) -> TableCell:
    """Return a cell with its arguments and folders."""
    entry = spec["rows"][row]
    fit = (*spec["fit"], *entry.get("fit", ()), *spec["columns"][column], f"--seed_everything={seed}")
    test, checkpoint = tuple(entry.get("test", ())), str(entry.get("checkpoint", spec["checkpoint"]))
    run = out / digest([*versions, *(config.read_text("utf-8") for config in configs), *fit])
    test_key = [checkpoint, *test]  # another table may test another checkpoint of the same fit
    return TableCell(
        configs, fit, checkpoint, test, run, run if test_key == [BEST_CHECKPOINT] else run / digest(test_key)
    )
