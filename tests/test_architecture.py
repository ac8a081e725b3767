"""The shape of the project, checked: who may import whom, how long things get, what a notebook may hold.

The order of modules is read where a newcomer reads it: in the docstring of `src/oatmill/__init__.py`.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "oatmill"
LINES_OF_A_FILE = 400
LINES_OF_A_FUNCTION = 60
LINES_OF_MOST_FUNCTIONS = 25
CODE_CELLS = 14
LARGEST_FILE = 1 << 20  # bytes

MODULE_LINE = re.compile(r"^    (\w+)( \*)? {2,}\S")
DOCSTRING = ast.get_docstring(ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8")), clean=False) or ""
LISTED = [match for line in DOCSTRING.splitlines() if (match := MODULE_LINE.match(line))]
ORDER = [match[1] for match in LISTED]
ESTIMATORS = {match[1] for match in LISTED if match[2]}

# What shows released numbers may neither estimate nor write.
PRESENTATION = {"tables", "figures", "findings"}
SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if "_bundle" not in path.parts)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CODE = [
    *SOURCES,
    ROOT / "bootstrap.py",
    *sorted((ROOT / "tests").rglob("*.py")),
    *sorted((ROOT / "bench").rglob("*.py")),
]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def where(path: Path, node: ast.AST | None = None) -> str:
    line = f":{node.lineno}" if node is not None and hasattr(node, "lineno") else ""
    return f"{path.relative_to(ROOT).as_posix()}{line}"


def station(path: Path) -> str:
    """The module of the data's path that a file belongs to; the package's own files have none."""
    first = path.relative_to(PACKAGE).parts[0]
    name = first.removesuffix(".py")
    return "" if name in ("__init__", "__main__") else name


def imported_stations(tree: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every module of oatmill that a file imports, at its top, inside a function or for its types only."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "oatmill" if node.level else (node.module or "")
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "oatmill" else [base]
        for name in names:
            parts = name.split(".")
            if parts[0] == "oatmill" and len(parts) > 1 and parts[1] != "__version__":
                yield node, parts[1]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    yield from (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from its name to its end, its docstring left out."""
    first = function.body[0]
    text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    docstring = (first.end_lineno or 0) - first.lineno + 1 if text else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def name_called(node: ast.AST) -> str:
    """The last name of what is called: `open` of `path.open(...)`."""
    if not isinstance(node, ast.Call):
        return ""
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


# The data's path


def test_every_module_is_listed_once_and_exists():
    found = {station(path) for path in SOURCES} - {""}
    assert sorted(ORDER) == sorted(found), "the docstring of oatmill/__init__.py and the folder differ"


def test_a_module_imports_only_modules_above_it():
    faults = []
    for path in SOURCES:
        here = station(path)
        if not here:
            continue
        above = ORDER[: ORDER.index(here)] if here in ORDER else []
        for node, name in imported_stations(parse(path)):
            if name != here and name not in above:
                faults.append(f"{where(path, node)} imports {name}")
    assert not faults, "\n".join(faults)


def test_estimators_do_not_import_each_other():
    faults = [
        f"{where(path, node)} imports {name}"
        for path in SOURCES
        if station(path) in ESTIMATORS
        for node, name in imported_stations(parse(path))
        if name in ESTIMATORS - {station(path)}
    ]
    assert ESTIMATORS, "no estimator is marked with * in the docstring"
    assert not faults, "\n".join(faults)


def test_survival_imports_nothing_of_oatmill():
    files = [path for path in SOURCES if station(path) == "survival"]
    faults = [
        f"{where(path, node)} imports {name}"
        for path in files
        for node, name in imported_stations(parse(path))
        if name != "survival"
    ]
    assert not faults, "\n".join(faults)


def test_imports_are_absolute():
    faults = [
        where(path, node)
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not faults, "\n".join(faults)


def test_presentation_imports_no_estimator():
    faults = [
        f"{where(path, node)} imports {name}"
        for path in SOURCES
        if station(path) in PRESENTATION
        for node, name in imported_stations(parse(path))
        if name in ESTIMATORS
    ]
    assert not faults, "\n".join(faults)


def test_presentation_writes_no_file():
    writers = {"savefig", "to_csv", "to_parquet", "write_text", "write_bytes", "mkdir", "open", "save"}
    faults = [
        f"{where(path, node)} calls {name_called(node)}"
        for path in SOURCES
        if station(path) in PRESENTATION
        for node in ast.walk(parse(path))
        if name_called(node) in writers
    ]
    assert not faults, "\n".join(faults)


def test_only_disclosure_makes_released_results():
    faults = [
        f"{where(path, node)} makes a Released"
        for path in SOURCES
        if station(path) != "disclosure"
        for node in ast.walk(parse(path))
        if name_called(node) == "Released" or (isinstance(node, ast.alias) and node.name == "_KEY")
    ]
    assert not faults, "\n".join(faults)


def test_command_line_starts_without_the_libraries_of_numbers():
    """An unchanged report is seen to be unchanged without loading pandas."""
    heavy = {"pandas", "numpy", "matplotlib", "duckdb", "nbformat", "papermill", "scipy", "statsmodels", "lifelines"}
    code = "import sys, oatmill.cli; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert heavy.isdisjoint(done.stdout.split()), heavy & set(done.stdout.split())


# Size and safety of the code


def test_files_are_short():
    lines = {where(path): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    long = {name: count for name, count in lines.items() if count > LINES_OF_A_FILE}
    assert not long, f"more than {LINES_OF_A_FILE} lines: {long}"


def test_functions_are_short():
    lengths = {
        f"{where(path, function)} {function.name}": length(function)
        for path in SOURCES
        for function in functions(parse(path))
    }
    too_long = {name: count for name, count in lengths.items() if count > LINES_OF_A_FUNCTION}
    assert not too_long, f"more than {LINES_OF_A_FUNCTION} lines: {too_long}"
    long = {name: count for name, count in lengths.items() if count > LINES_OF_MOST_FUNCTIONS}
    assert len(long) <= 0.05 * len(lengths), f"more than 1 in 20 functions have over 25 lines: {long}"


def test_nothing_is_guarded_by_assert():
    """Python leaves asserts out under -O."""
    faults = [where(path, node) for path in SOURCES for node in ast.walk(parse(path)) if isinstance(node, ast.Assert)]
    assert not faults, "\n".join(faults)


UNSAFE = {
    "eval", "exec", "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "os.system", "os.popen",
    "pd.read_pickle", "shutil.unpack_archive", "tempfile.mktemp",
}  # fmt: skip
UNSAFE_MODULES = {"pickle", "cloudpickle", "marshal", "shelve", "dill", "joblib", "telnetlib", "ftplib"}


def test_nothing_of_a_file_can_run():
    """No pickle, no YAML but safe values, no shell, no code made of text."""
    faults = [
        f"{where(path, node)} {ast.unparse(node)[:60]}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if (isinstance(node, ast.Call) and ast.unparse(node.func) in UNSAFE) or names_unsafe(node)
    ]
    assert not faults, "\n".join(faults)


def names_unsafe(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] in UNSAFE_MODULES for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").split(".")[0] in UNSAFE_MODULES
    return isinstance(node, ast.keyword) and node.arg in ("shell", "allow_pickle", "Loader")


def test_every_text_file_is_opened_with_its_encoding():
    """Without one, Windows reads and writes in the code page of the country."""
    faults = [
        f"{where(path, node)} {name_called(node)}"
        for path in CODE
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and opens_text(node) and not names_encoding(node)
    ]
    assert not faults, "\n".join(faults)


def opens_text(call: ast.Call) -> bool:
    name = name_called(call)
    if name in ("run", "Popen", "check_output"):
        return any(word.arg in ("text", "universal_newlines") for word in call.keywords)
    if name == "open":
        owner = getattr(getattr(call.func, "value", None), "id", "")
        words = [*call.args, *(word.value for word in call.keywords if word.arg == "mode")]
        modes = [word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)]
        return owner not in ("os", "webbrowser", "tarfile", "Image", "archive") and not any(
            "b" in mode for mode in modes
        )
    return name in ("read_text", "write_text", "fdopen", "NamedTemporaryFile")


def names_encoding(call: ast.Call) -> bool:
    binary_temporary = name_called(call) == "NamedTemporaryFile" and not any(
        word.arg == "mode" for word in call.keywords
    )
    return binary_temporary or any(word.arg == "encoding" for word in call.keywords)


# Notebooks


def read_notebook(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def code_cells(path: Path) -> list[dict]:
    return [cell for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code"]


def source_of(cell: dict) -> str:
    return "".join(cell["source"])


notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_notebooks_numbered_by_chapter():
    names = [path.stem for path in NOTEBOOKS]
    assert names
    assert [name for name in names if not re.fullmatch(r"[1-9]\d{1,2}_[a-z][a-z0-9_]*", name)] == []


@notebooks
def test_notebook_holds_no_outputs(path):
    stored = [n for n, cell in enumerate(code_cells(path)) if cell.get("outputs") or cell.get("execution_count")]
    assert not stored, f"code cells with outputs: {stored}; in JupyterLab: Edit, Clear Outputs of All Cells, save"


@notebooks
def test_notebook_defines_no_function_or_class(path):
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    trees = [ast.parse(source_of(cell)) for cell in code_cells(path)]
    found = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, kinds)]
    assert not found, f"{found} belong in src/oatmill"


@notebooks
def test_notebook_imports_oatmill_only_and_once(path):
    trees = [ast.parse(source_of(cell)) for cell in code_cells(path)]
    found = [ast.unparse(node) for t in trees for node in ast.walk(t) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert found == ["import oatmill as om"]


@notebooks
def test_notebook_begins_with_its_question_and_ends_with_its_limits(path):
    cells = read_notebook(path)["cells"]
    assert cells[0]["cell_type"] == "markdown"
    assert source_of(cells[0]).startswith("# ")
    assert cells[-1]["cell_type"] == "markdown"
    assert "limits" in source_of(cells[-1]).lower()


@notebooks
def test_notebook_has_one_parameters_cell_that_defaults_to_the_demo(path):
    tagged = [cell for cell in code_cells(path) if "parameters" in cell["metadata"].get("tags", [])]
    assert len(tagged) == 1
    assert "study_file = None" in source_of(tagged[0])
    kinds = {type(node) for node in ast.parse(source_of(tagged[0])).body}
    assert kinds <= {ast.Assign}, "a parameters cell assigns and does nothing else"


@notebooks
def test_notebook_declares_itself(path):
    about = read_notebook(path)["metadata"]["oatmill"]
    assert about["title"]
    assert about["question"]
    choices = about["requires"] if isinstance(about["requires"], list) else [about["requires"]]
    assert all(isinstance(columns, list) for choice in choices for columns in choice.values())
    assert set(about) <= {"title", "question", "requires", "optional"}


@notebooks
def test_notebook_is_short(path):
    assert len(code_cells(path)) <= CODE_CELLS


@notebooks
def test_notebook_runs_in_any_python_kernel(path):
    assert read_notebook(path)["metadata"]["kernelspec"]["name"] == "python3"


# What is committed


@pytest.fixture(scope="module")
def committed(requires) -> list[Path]:
    """The files of the next commit: tracked, or new and not ignored."""
    git = requires("git")
    words = [str(git), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        pytest.skip("git cannot read this folder")
    return [path for name in done.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_large_file(committed):
    large = {where(path): path.stat().st_size for path in committed if path.stat().st_size > LARGEST_FILE}
    assert not large


def test_no_generated_or_private_file(committed):
    private = re.compile(r"^(reports|work)/|\.(parquet|pyc|mo)$|(^|/)(identifiers\.txt|site\.zip)$|_build/")
    assert [name for path in committed if private.search(name := where(path))] == []


# A path into somebody's machine. The gate and its tests have to name such paths: they look for them.
MACHINE_PATH = re.compile(
    r"(?<![\w.<>{}*~/:-])(/home/\w|/Users/\w|/root/|/tmp/|/work/\w|/mnt/\w)|[A-Za-z]:\\+Users\\+\w"
)
PLANTED = re.compile(r"gate|canar")


def test_no_path_of_a_machine(committed):
    faults = []
    here = {str(ROOT), str(ROOT.as_posix())}
    for path in committed:
        if path == Path(__file__).resolve():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        for number, line in enumerate(text.splitlines(), start=1):
            planted = PLANTED.search(path.name) or "machine path" in line
            if any(place in line for place in here) or (MACHINE_PATH.search(line) and not planted):
                faults.append(f"{where(path)}:{number}: {line.strip()[:100]}")
    assert not faults, "\n".join(faults)
