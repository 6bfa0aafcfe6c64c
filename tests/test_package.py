import ast
import builtins
import doctest
import importlib
import importlib.metadata
import inspect
import re
from pathlib import Path

import pytest

import genjax
from tests.processes import finished

ROOT = Path(__file__).parent.parent

# Functions that no paper is cited for: plumbing, elementary maps and names of a field.
WITHOUT_SOURCE = {
    "augment": (
        "boxes_in_turn flip images_alone in_turn letterbox mirror quarter_turns "
        "random_affine with_probability"
    ),
    "autoregressive": "binary by_column categorical cooled scan_terms uncached",
    "data": (
        "binarize fit_columns fit_standardiser flatten generated image_files "
        "image_folder in_memory indices_at load_prepared mapped object_crops on_device "
        "open_image prepare read_boxes read_frame read_table resize_to_fit "
        "scale_pixels scenes split streamed write_frame"
    ),
    "densities": (
        "bernoulli concatenated conditional_bernoulli conditional_likelihood "
        "conditional_one_hot diagonal_normal embed_condition logistic "
        "negative_log_likelihood standard_normal uniform uniform_one_hot"
    ),
    "detection": (
        "area around centre_and_size detection_objective detector ground_truth"
    ),
    "flows": (
        "cached exponential identity leaky_relu normal_cdf power repeat sigmoid "
        "softplus swap_directions tanh"
    ),
    "gan": "zero_sum",
    "metrics": (
        "areas_between completion_log_probs confusion_matrix detections_of_boxes "
        "log_probs mean_log_prob nearest "
        "ground_truth_of_boxes with_floor"
    ),
    "nn": (
        "as_network as_pure_network autoregressive_scan autoregressive_steps "
        "conv from_linen from_nnx frozen in_mode in_turn max_pool noisy"
    ),
    "plotting": (
        "bars boxes_on_images class_scatter curve_panels curves density_map "
        "field_maps image_grid levels nested_squares pair_panels save scatter_panels "
        "trajectories"
    ),
    "programs": (
        "dependence edges fitted inverse_and_log_det invertible with_dense_log_det "
        "with_diagonal_log_det with_triangular_log_det"
    ),
    "receptive_field": "dependency impulse_response is_autoregressive",
    "self_supervised": "normalize",
    "smooth": "soft_accuracy soft_counts soft_f1",
    "training": (
        "data_parallel device_mesh ensemble fit freeze gradient_descent initialize "
        "jsonl_writer load_variables loss_names pmap read_config read_jsonl "
        "save_variables scan_steps scheduled "
        "shard_batch shard_pipeline skip_nonfinite stochastic sweep "
        "tensorboard_writer weighted_sum with_preprocessing write_whole"
    ),
    "vae": "decode encode init",
}


def test_the_installed_package_is_this_one():
    """Another distribution owns the name `genjax` and the same folder."""
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        importlib.metadata.distribution("genjax")
    assert Path(genjax.__file__).parent == ROOT / "genjax"
    assert importlib.metadata.version("genjax-functional") == genjax.__version__


def test_only_nn_imports_flax():
    for path in (ROOT / "genjax").rglob("*.py"):
        if path.parent.name != "nn":
            code = re.sub(r">>>.*|\.\.\. .*", "", path.read_text())
            assert not re.search(r"^\s*(import|from) flax", code, re.M), path


def test_floors_are_kept():
    """Families import no other family, and nothing imports from above."""
    leaves = {
        "arrays",
        "base",
        "checks",
        "errors",
        "placement",
        "programs",
        "steps",
        "typing",
        "variables",
    }
    families = {
        "flows": {"programs"},
        "flow_matching": set(),
        "autoregressive": set(),
        "gan": {"augment"},
        "vae": set(),
        # What assigns objects by what units see measures that.
        "detection": {"augment", "receptive_field"},
        "smooth": set(),
        "receptive_field": {"nn"},
    }
    allowed = {
        "programs": set(),
        "nn": set(),
        "augment": set(),
        "densities": {"nn"},
        **{family: {"nn", "densities", *more} for family, more in families.items()},
        "mutual_information": {"nn"},
        "self_supervised": {"nn", "mutual_information"},
        "metrics": set(),
        "plotting": set(),
        "data": {"densities"},
        "training": {"data"},
    }
    for path in (ROOT / "genjax").glob("*/**/*.py"):
        package = path.relative_to(ROOT / "genjax").parts[0]
        below = allowed[package] | leaves | {package}
        code = re.sub(r">>>.*|\.\.\. .*", "", path.read_text())
        for imported in re.findall(r"^\s*from genjax\.(\w+)", code, re.M):
            assert imported in below, f"{path} imports {imported}"


def test_import_is_light_and_silent():
    code = (
        "import time, sys; t = time.time(); import jax; a = time.time() - t;"
        "t = time.time(); import genjax; b = time.time() - t;"
        "late = {'flax', 'optax', 'genjax.flows'};"
        "assert not late & set(sys.modules), late & set(sys.modules);"
        "assert b < max(0.1, a / 4), (a, b);"
        "[getattr(genjax, name) for name in dir(genjax)];"
        "heavy = {'orbax', 'grain', 'sklearn', 'tensorflow_datasets', 'matplotlib'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = finished(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


def test_editors_see_the_names_that_there_are():
    stub = Path(genjax.__file__).with_suffix(".pyi").read_text()
    listed = sorted(
        alias.asname
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    )
    assert listed == genjax.__all__ == dir(genjax)
    with pytest.raises(AttributeError, match="has no attribute 'flow'"):
        _ = genjax.flow


def test_public_names_exist_and_are_listed():
    for name in genjax.__all__:
        assert hasattr(genjax, name)
        member = getattr(genjax, name)
        for inner in getattr(member, "__all__", []):
            public = getattr(member, inner)
            if inspect.isfunction(public) or inspect.isclass(public):
                assert public.__doc__, f"{name}.{inner} has no docstring"


def _public_functions():
    for name in genjax.__all__:
        package = getattr(genjax, name)
        for inner in getattr(package, "__all__", []):
            if inspect.isfunction(function := getattr(package, inner)):
                yield f"{name}.{inner}", function, function.__doc__ or ""


def test_every_public_function_has_an_example():
    lacking = [name for name, _, text in _public_functions() if ">>>" not in text]
    assert lacking == []


def test_every_public_function_states_its_shapes():
    """In words, `[b, *event]`, or by its types."""
    takes_no_array = {
        "data.open_image",
        "data.prepare",
        "data.read_frame",
        "data.write_frame",
        "detection.mtcnn_variables",
        "nn.frozen",
        "nn.in_turn",
        "plotting.save",
        "training.load_variables",
        "training.initialize",
        "training.write_whole",
    }
    stated = re.compile(
        r"\[[^\]\n]*[a-z0-9*][^\]\n]*\]|Float\[|Int\[|Bool\[|Event|PerExample"
    )
    lacking = {
        name
        for name, function, text in _public_functions()
        if not stated.search(text.split(">>>")[0] + _written_signature(function))
    }
    assert lacking == takes_no_array


def _written_signature(function):
    """The signature as the source has it, where aliases of types have their names."""
    path = inspect.getsourcefile(inspect.unwrap(function))
    for node in ast.parse(Path(path).read_text()).body:
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__:
            returned = ast.unparse(node.returns) if node.returns else ""
            return f"{ast.unparse(node.args)} -> {returned}"
    raise AssertionError(function)


def test_every_public_function_of_a_paper_cites_it():
    lacking = {}
    for name, _, text in _public_functions():
        if not re.search(r"Source:|arXiv", text):
            package, inner = name.split(".")
            lacking.setdefault(package, set()).add(inner)
    assert lacking == {
        name: set(names.split()) for name, names in WITHOUT_SOURCE.items()
    }


def test_no_public_name_hides_its_module():
    for path in (ROOT / "genjax").glob("*/*.py"):
        package = importlib.import_module(f"genjax.{path.parent.name}")
        is_private = path.stem.startswith("_")
        assert is_private or path.stem not in package.__all__, path


def test_examples_import_what_they_use():
    """So that what `help` shows runs where it is pasted."""
    lacking = {}
    for path in (ROOT / "genjax").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
                names = _free_names(ast.get_docstring(node) or "")
                if names:
                    lacking[f"{path.name}: {getattr(node, 'name', '')}"] = names
    assert lacking == {}


def _free_names(text):
    used, bound = set(), set(dir(builtins))
    for example in doctest.DocTestParser().get_examples(text):
        for node in ast.walk(ast.parse(example.source)):
            if isinstance(node, ast.Name):
                (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound |= {(a.asname or a.name).split(".")[0] for a in node.names}
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.arg):
                bound.add(node.arg)
    return used - bound
