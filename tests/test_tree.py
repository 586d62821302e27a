"""Each package says which of its modules are for others, and a name that only its module uses is private."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "itd_lightning").rglob("*.py"))
}
ENDINGS = (".py", ".md", ".yaml", ".toml")
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in SOURCE.items()}


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the modules of ours that a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            inner = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name if name in SOURCE else node.module or "" for name in inner)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def face(package: str) -> list[str]:
    """Return what a package offers: its `__all__`."""
    values = (node.value for node in TREES[package].body if isinstance(node, ast.Assign))
    lists = (value for value in values if isinstance(value, ast.List))
    return [item.value for value in lists for item in value.elts if isinstance(item, ast.Constant)]  # type: ignore[misc]


def test_a_package_names_the_modules_that_others_import() -> None:
    packages = [name for name, path in SOURCE.items() if path.name == "__init__.py"]
    modules = {name: {one for one in face(name) if f"{name}.{one}" in SOURCE} for name in packages}
    offered = {name: set(face(name)) for name in packages if face(name) and modules[name] == set(face(name))}
    used: dict[str, set[str]] = {package: set() for package in offered}
    for module, tree in TREES.items():
        for name in imports(tree):
            for package in offered:
                if name.startswith(f"{package}.") and not f"{module}.".startswith(f"{package}."):
                    used[package].add(name.removeprefix(f"{package}.").split(".")[0])
    assert len(offered) > 25
    assert used == offered


def is_type_variable(value: ast.expr | None) -> bool:
    """Return whether a value is a type variable, which is named as types are."""
    return isinstance(value, ast.Call) and ast.unparse(value.func) in {"TypeVar", "ParamSpec"}


def top_level_names(tree: ast.Module) -> Iterator[str]:
    """Yield the functions, classes and constants of a module."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign | ast.AnnAssign) and not is_type_variable(node.value):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_a_name_that_no_other_file_mentions_starts_with_an_underscore() -> None:
    folders = ("itd_lightning", "tests", "benchmarks", "experiments", "docs", "configs")
    texts = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in ENDINGS]
    files = [*texts, ROOT / "pyproject.toml", ROOT / "README.md"]
    mentions = Counter(word for path in files for word in set(re.findall(r"\w+", path.read_text("utf-8"))))
    ours = {module: tree for module, tree in TREES.items() if ".migrations." not in module}  # alembic's names
    public = {(module, name) for module, tree in ours.items() for name in top_level_names(tree)}
    assert not [key for key in public if not key[1].startswith("_") and mentions[key[1]] == 1]


def test_private_names_stay_in_their_module() -> None:
    crossing = re.compile(r"from itd_lightning[\w.]* import .*\b_[a-z]\w*")
    assert not [path for path in SOURCE.values() if crossing.search(path.read_text("utf-8"))]
