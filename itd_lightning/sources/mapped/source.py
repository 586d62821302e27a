"""A mapping as a source of events: what the store asks, answered by the modules beside this one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import polars as pl
from polars.exceptions import PolarsError
from xxhash import xxh3_128

from itd_lightning.contracts.errors import InputError
from itd_lightning.contracts.files import private_folder
from itd_lightning.sources.base import ROW_SIZE, Facts, Guess, ParsedPiece, Sample, Source
from itd_lightning.sources.base import Piece as AnyPiece
from itd_lightning.sources.cert.releases import SYNTHETIC
from itd_lightning.sources.mapped.answers import read_campaigns
from itd_lightning.sources.mapped.formats import RawRows, read_text
from itd_lightning.sources.mapped.mapping import Input, LogMapping
from itd_lightning.sources.mapped.pieces import PIECE, ROWS, Piece, cut_file, read_layout
from itd_lightning.sources.mapped.rows import LEFT_OUT, UNMAPPED, to_events
from itd_lightning.sources.mapped.streams import PACKED, REWRITTEN, read_beginning, text_size
from itd_lightning.sources.mapped.tables import accounts_digest, read_accounts, read_people

_SAMPLE = 4 << 20  # bytes of each log
_RATE = 100_000  # rows a second, about
MAPPINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class MappedSource(Source):
    """The files that a mapping names.

    Args:
        mapping: What they mean.
        inputs: Those of its inputs that have files, and the files of each.
    """

    mapping: LogMapping
    inputs: tuple[tuple[Input, tuple[Path, ...]], ...]

    @property
    def name(self) -> str:
        """Name in the mapping."""
        return self.mapping.name

    @property
    def path(self) -> Path:
        """The mapping."""
        return self.mapping.file

    @property
    def logs(self) -> dict[str, tuple[str, ...]]:
        """Inputs, and the kinds that the rules of each can give."""
        return {source.name: source.records for source, _ in self.inputs}

    @property
    def records(self) -> frozenset[str]:
        """Kinds that any rule can give."""
        return frozenset(kind for kinds in self.logs.values() for kind in kinds)

    @property
    def zone(self) -> str:
        """Zone in the mapping."""
        return self.mapping.zone

    @property
    def archived(self) -> bool:
        """Packed files are streamed, but each alone."""
        return False

    @property
    def files(self) -> list[Path]:
        """All files."""
        return [file for _, files in self.inputs for file in files]

    @property
    def size(self) -> int:
        """Bytes of the text of all files, about."""
        return sum(map(text_size, self.files))

    @property
    def piece_size(self) -> int:
        """Bytes of a piece."""
        return PIECE

    @property
    def identity(self) -> list[Any]:
        """The mapping, the tables beside it, and name, size and time of change of all files."""
        stamps = [[str(file), *_stamp(file)] for file in [*self.files, *self.mapping.tables]]
        return [PIECE, ROWS, self._seed, *stamps]

    @cached_property
    def _seed(self) -> str:
        """Hash of what decides, beside the files, what becomes of a row."""
        return self.mapping.digest + "".join(map(accounts_digest, self.mapping.lookups))

    @cached_property
    def _file_names(self) -> dict[tuple[str, Path], str]:
        """Name of the file of each input in the table of refused rows, each one once."""
        names = {}
        for source, files in self.inputs:
            for file in files:
                name = _relative(file, self.mapping.folder)
                names[source.name, file] = f"{name} ({source.name})" if self.files.count(file) > 1 else name
        return names

    def pieces(self, folder: Path, is_done: Callable[[str, int], bool]) -> Iterator[Piece]:
        """Yield the pieces of all files, in the order of their names."""
        private_folder(folder)
        for source, files in self.inputs:
            number = 0
            for file in files:
                name = self._file_names[source.name, file]
                for piece in cut_file(file, name, source, number, folder, is_done):
                    number = piece.number + 1
                    yield piece

    @property
    def unwanted(self) -> frozenset[str]:
        """Reasons that the mapping itself gives to leave a row out."""
        return frozenset({LEFT_OUT, UNMAPPED})

    def expected_row(self, log: str) -> str:
        """Return the command that shows rows beside what becomes of them."""
        return "what `itd check` shows of the first rows, with the reason for each that is refused"

    def parse(self, piece: AnyPiece, content: tuple[str, ...] | None, now: datetime) -> ParsedPiece:
        """Parse a piece; content that no rule's kind keeps costs nothing.

        Raises:
            InputError: If its file has other columns than the mapping needs.
        """
        piece = cast("Piece", piece)
        source = _without_content(next(one for one, _ in self.inputs if one.name == piece.log), content)
        digest = xxh3_128(self._seed.encode())
        raw = (
            _read_parquet(piece, source, digest)
            if source.format == "parquet"
            else _read_bytes(piece, source, digest)
        )
        place = f"{piece.file}:{piece.place}"
        events, faulty = to_events(raw.rows, raw.line, self.mapping, source, place, now)
        refused = pl.concat([raw.refused, faulty]).sort("line")
        return ParsedPiece(events, refused, raw.lines, digest.hexdigest())

    def samples(self, content: tuple[str, ...] | None, now: datetime) -> Iterator[Sample | Guess]:
        """Yield the beginning of each log, parsed; of packed files, a guess."""
        for source, files in self.inputs:
            size = sum(map(text_size, files))
            if files[0].suffix in PACKED or source.format in ("parquet", *REWRITTEN):
                yield Guess(size / ROW_SIZE, size / ROW_SIZE / _RATE)
                continue
            start_time = perf_counter()
            raw, length = read_first_rows(files[0], source, _SAMPLE)
            events, _ = to_events(raw.rows, raw.line, self.mapping, source, "", now)
            yield Sample(events, perf_counter() - start_time, size / max(length, 1))

    def read_facts(self, folder: Path, *, streamed: bool) -> Facts:
        """Return people and known campaigns.

        Raises:
            InputError: If a table cannot be read.
        """
        mapping = self.mapping
        for lookup in mapping.lookups:
            read_accounts(lookup)
        return Facts(
            directory=None if mapping.identity is None else read_people(mapping.identity),
            answers=None if mapping.answers is None else read_campaigns(mapping.answers, mapping.identity),
            decoys=None,
            synthetic=any((place / SYNTHETIC).is_file() for place in {mapping.folder, mapping.file.parent}),
            current=True,
        )


def open_mapping(mapping: LogMapping) -> MappedSource:
    """Return the source that a mapping describes.

    Raises:
        InputError: If an input, or all of them, match no file.
    """
    found = [(source, _find_files(mapping, source)) for source in mapping.inputs]
    for source, files in found:
        if not files and not source.optional:
            patterns = " or ".join(source.files)
            raise InputError(f"{mapping.file}: inputs.{source.name}: no file {patterns} in {mapping.folder}")
    inputs = tuple((source, files) for source, files in found if files)
    if not inputs:
        names = dict.fromkeys(pattern for source, _ in found for pattern in source.files)
        raise InputError(f"{mapping.file}: {mapping.folder} has no file {' or '.join(names)}")
    return MappedSource(mapping, inputs)


def _find_files(mapping: LogMapping, source: Input) -> tuple[Path, ...]:
    """Return the files that an input names, sorted; of a mapping for one file, that file if it fits."""
    folder = mapping.folder
    if folder.is_file():
        return (folder,) if any(folder.match(pattern.removeprefix("**/")) for pattern in source.files) else ()
    files = set()
    for pattern in source.files:
        base, pattern = (Path("/"), pattern.lstrip("/")) if Path(pattern).is_absolute() else (folder, pattern)
        try:
            files |= {file for file in base.glob(pattern) if file.is_file()}
        except ValueError as error:
            raise InputError(f"{mapping.file}: inputs.{source.name}.files: {error}") from error
    # A table that lies among the logs is none of them.
    return tuple(sorted(files - set(mapping.tables)))


def _relative(file: Path, folder: Path) -> str:
    """Return the name of a file in a folder."""
    return (
        file.relative_to(folder).as_posix() if file.is_relative_to(folder) and file != folder else file.name
    )


def _stamp(file: Path) -> list[int]:
    """Return size and time of change of a file."""
    state = file.stat()
    return [state.st_size, state.st_mtime_ns]


def _without_content(source: Input, content: tuple[str, ...] | None) -> Input:
    """Return an input that fills no content where no kind of it is wanted with it."""
    if content is None or not set(content).isdisjoint(source.records):
        return source
    values = {**vars(source), "columns": tuple(pair for pair in source.columns if pair[0] != "content")}
    return Input(**values)


def read_first_rows(file: Path, source: Input, size: int) -> tuple[RawRows, int]:
    """Return the rows in the first bytes of a text file, and how many bytes they have."""
    text = read_beginning(file, source, size)
    if len(text) == size:
        text = text[: text.rfind(b"\n") + 1]
    return read_text(text, read_layout(file, source), source, first=True), len(text)


def _read_bytes(piece: Piece, source: Input, digest: xxh3_128) -> RawRows:
    """Return the rows of a piece of text."""
    with piece.path.open("rb") as file:
        file.seek(piece.start)
        text = file.read(piece.stop - piece.start)
    if len(text) < piece.stop - piece.start:
        raise InputError(f"{piece.path} became shorter while it was read")
    digest.update(text)
    return read_text(text, piece.layout, source, first=piece.place == 0)


def _read_parquet(piece: Piece, source: Input, digest: xxh3_128) -> RawRows:
    """Return the rows of a piece of a Parquet file; a dotted name is a field within a field."""
    frame = pl.scan_parquet(piece.path, glob=False)
    rows = select_fields(frame, source, piece.path).slice(piece.start, piece.stop - piece.start)
    try:
        raw = rows.collect()
    except PolarsError as error:
        raise InputError(f"{piece.path} is damaged: {str(error).partition(chr(10))[0][:160]}") from error
    buffer = BytesIO()
    raw.rechunk().write_ipc(buffer)
    digest.update(buffer.getbuffer())
    count = piece.stop - piece.start
    line = pl.int_range(count, dtype=pl.UInt32, eager=True).to_numpy()
    return RawRows(raw, line, pl.DataFrame(schema={"line": pl.UInt32, "reason": pl.String}), count)


def select_fields(frame: pl.LazyFrame, source: Input, path: Path) -> pl.LazyFrame:
    """Return the columns of a frame that a mapping reads, and fields within them, by dotted names.

    Raises:
        InputError: If it has no such column.
    """
    schema = frame.collect_schema()
    chosen = []
    for name in source.names:
        key, *rest = [name] if name in schema else name.split(".")
        fields, column = dict(schema), pl.col(key)
        for below in rest:
            dtype = fields.get(key)
            fields = dict(pl.Schema(dtype.to_schema())) if isinstance(dtype, pl.Struct) else {}
            key, column = below, column.struct.field(below)
        if key not in fields and not source.needs(name):
            column = pl.lit(None, pl.String)
        elif key not in fields:
            raise InputError(f"{path} has no column {name!r}; it has {', '.join(schema)[:300]}")
        chosen.append(column.alias(name))
    return frame.select(chosen)
