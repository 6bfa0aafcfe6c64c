"""Variables in one file, to hand on: safetensors, whose reader runs no code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from genjax.checks import check_same_leaves, leaf_name
from genjax.errors import InputError, RunError, extra
from genjax.training._writers import write_whole
from genjax.typing import Variables


def save_variables(
    path: str | Path, variables: Variables, *, config: Mapping[str, Any] | None = None
) -> None:
    """Writes variables to a `.safetensors` file, each leaf under its name.

    Names are paths, `params/network/W`, so that any reader of safetensors takes them.

    Args:
        path: the file.
        variables: a pytree of arrays, `[...]` each; of a trained state,
            `state.evaluated`.
        config: what rebuilds the model, as JSON; `read_config` gives it back.

    Raises:
        InputError: the configuration is no JSON, a leaf is a random key, or two leaves
            have one name.
        RunError: the file cannot be written; an old one stays.

    >>> from genjax.training import load_variables, read_config, save_variables
    >>> import tempfile
    >>> import jax.numpy as jnp
    >>> variables = {"params": {"w": jnp.arange(2.0)}}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = f"{folder}/model.safetensors"
    ...     save_variables(path, variables, config={"hidden": 8})
    ...     read = load_variables(path, {"params": {"w": jnp.zeros(2)}})
    ...     read["params"]["w"].tolist(), read_config(path)
    ([0.0, 1.0], {'hidden': 8})
    """
    with extra("safetensors"):
        from safetensors.numpy import save

    try:
        text = json.dumps(dict(config or {}))
    except (TypeError, ValueError) as error:
        raise InputError(f"save_variables: config must be JSON: {error}.") from error
    flat, _ = jax.tree_util.tree_flatten_with_path(variables)
    keys = [
        leaf_name(p) for p, x in flat if jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
    ]
    if keys:
        raise InputError(f"save_variables: the leaf {keys[0]} is a key, not an array.")
    arrays = {leaf_name(path): np.asarray(leaf, order="C") for path, leaf in flat}
    if len(arrays) < len(flat):
        raise InputError("save_variables: two leaves have one name, by a '/' in a key.")
    try:
        write_whole(path, save(arrays, metadata={"config": text}))
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}.") from error


def load_variables(path: str | Path, template: Variables) -> Variables:
    """Reads variables into the structure of a model.

    Args:
        path: a file of `save_variables`.
        template: variables of the same model: `density.init(key, x)`.

    Returns:
        Variables like the template, with the shardings that it has.

    Raises:
        InputError: there is no such file, it is damaged, or its leaves are not those
            of the model; the sentence names them with both shapes.

    >>> from genjax.training import load_variables
    >>> load_variables("absent.safetensors", {})
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: there is no file of variables at absent.safetensors.
    """
    arrays = _read(path)[0]
    flat, structure = jax.tree_util.tree_flatten_with_path(template)
    own = {leaf_name(place): jnp.asarray(leaf) for place, leaf in flat}
    check_same_leaves(str(path), arrays, own)
    leaves = [jax.device_put(arrays[name], leaf.sharding) for name, leaf in own.items()]
    return structure.unflatten(leaves)


def read_config(path: str | Path) -> dict[str, Any]:
    """Reads the configuration that a file of variables was written with.

    Args:
        path: a file of `save_variables`.

    Raises:
        InputError: there is no such file, or it is damaged.

    >>> from genjax.training import read_config
    >>> read_config("absent.safetensors")
    Traceback (most recent call last):
    ...
    genjax.errors.InputError: there is no file of variables at absent.safetensors.
    """
    return _read(path)[1]


def _read(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with extra("safetensors"):
        from safetensors import safe_open

    if not Path(path).is_file():
        raise InputError(f"there is no file of variables at {path}.")
    try:
        with safe_open(path, framework="numpy") as file:
            config = json.loads((file.metadata() or {}).get("config", "{}"))
            return {name: file.get_tensor(name) for name in list(file.keys())}, config
    except Exception as error:  # damaged bytes lead its parser anywhere
        raise InputError(f"{path} is no file of variables: {error}.") from error
