"""Masked multi-layer perceptrons, whose outputs see only earlier inputs."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.typing import DTypeLike

from genjax.checks import check_condition, check_order
from genjax.errors import InputError
from genjax.typing import Array, Tree, Variables

Places: TypeAlias = Array | np.ndarray


def autoregressive_masks(
    order: Sequence[int] | np.ndarray, hidden: Sequence[int], *, seed: int | None = None
) -> list[np.ndarray]:
    """Returns the masks of a MADE, one per layer, `[inputs, outputs]`.

    A unit of degree m sees inputs whose place in the order is below m; output d sees
    units of degree at most its place. Hence output d depends on earlier inputs alone.

    Args:
        order: the place of each input: a permutation of `0 ... d - 1`.
        hidden: the widths of the hidden layers.
        seed: draws the degrees at random, uniformly from those that see something; they
            are spread evenly when None.

    Raises:
        InputError: `order` is no permutation.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> from genjax.nn import autoregressive_masks
    >>> first, last = autoregressive_masks((0, 1, 2), (4,))
    >>> ((first @ last) > 0).astype(int).tolist()
    [[0, 1, 1], [0, 0, 1], [0, 0, 0]]
    """
    places = check_order("autoregressive_masks", order)
    masks = _masks_of((places, *hidden_degrees(places, hidden, seed=seed)))
    return [np.asarray(mask) for mask in masks]


def hidden_degrees(
    places: np.ndarray, hidden: Sequence[int], *, seed: int | None = None
) -> list[np.ndarray]:
    """Returns the degrees of the units, layer by layer.

    None is below the lowest one beneath, so that every unit sees something.

    Args:
        places: of the inputs, a permutation of `0 ... d - 1`.
        hidden: the widths of the layers.
        seed: draws the degrees at random; they are spread evenly when None.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> import numpy as np
    >>> from genjax.nn import hidden_degrees
    >>> [layer.tolist() for layer in hidden_degrees(np.arange(3), (4,))]
    [[1, 1, 2, 2]]
    """
    dim = len(places)
    random = None if seed is None else np.random.default_rng(seed)
    beneath, degrees = places + 1, []
    for width in hidden:
        lowest = min(int(beneath.min()), max(dim - 1, 1))
        count = max(dim - lowest, 1)
        if random is None:
            beneath = lowest + np.arange(width) * count // width
        else:
            beneath = random.integers(lowest, lowest + count, width)
        degrees.append(beneath)
    return degrees


def sampled_degrees(
    seeds: Sequence[int],
    *,
    dim: int,
    hidden: Sequence[int],
    orders: Sequence[Sequence[int]] | np.ndarray | None = None,
) -> tuple[np.ndarray, ...]:
    """Draws the degrees of several sets of masks, stacked.

    Args:
        seeds: one per set.
        dim: how many inputs there are.
        hidden: the widths of the layers.
        orders: the input that comes first, the second one, ..., of each set; natural
            when None.

    Returns:
        The places of the inputs `[K, dim]` and the degrees of each layer `[K, width]`:
        what `MaskedMLP(degrees=...)` takes, once a set is chosen.

    Raises:
        InputError: there is no seed, not one order per seed, or one is no permutation.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509.

    >>> from genjax.nn import sampled_degrees
    >>> [part.shape for part in sampled_degrees(range(5), dim=3, hidden=(8, 9))]
    [(5, 3), (5, 8), (5, 9)]
    """
    each_order = [np.arange(dim)] * len(seeds) if orders is None else list(orders)
    if len(each_order) != len(seeds) or not each_order or dim < 1:
        raise InputError(
            "sampled_degrees: give at least one seed, an order per seed, and one "
            f"input, got {len(seeds)} seeds, {len(each_order)} orders and dim = {dim}."
        )
    sets = []
    for seed, order in zip(seeds, each_order, strict=True):
        places = np.argsort(check_order("sampled_degrees", order, dim=dim))
        sets.append((places, *hidden_degrees(places, hidden, seed=seed)))
    return tuple(np.stack(parts) for parts in zip(*sets, strict=True))


def _masks_of(degrees: Sequence[Places]) -> list[Places]:
    """The masks between layers, from the places of the inputs and hidden degrees."""
    places, *hidden = degrees
    beneath = [places + 1, *hidden]
    masks = [
        below[:, None] <= above[None] for below, above in itertools.pairwise(beneath)
    ]
    masks.append(beneath[-1][:, None] <= places[None])
    return [mask.astype(np.float32) for mask in masks]


def _direct_mask(places: Places, inputs: int, features: int) -> Places:
    earlier = (places[:, None] < places[None]).astype(np.float32)
    return earlier.repeat(inputs, axis=0).repeat(features, axis=1)


class MaskedDense(nn.Module):
    """A dense layer whose kernel is multiplied by a constant mask.

    Attributes:
        mask: `[inputs, outputs]`, of zeros and ones.
        kernel_init: initialiser of the kernel.
        use_bias: adds a bias to each output.
        dtype: of the computation.
    """

    mask: np.ndarray | Array
    kernel_init: Callable[..., Any] = nn.initializers.lecun_normal()
    use_bias: bool = True
    dtype: DTypeLike = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Maps `[..., inputs]` to `[..., outputs]`."""
        kernel = self.param("kernel", self.kernel_init, self.mask.shape)
        y = x.astype(self.dtype) @ (kernel * self.mask).astype(self.dtype)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, self.mask.shape[1:])
        return y + jnp.broadcast_to(bias.astype(self.dtype), y.shape)


class MaskedMLP(nn.Module):
    """An MLP whose output for input d depends only on inputs before d in an order.

    A condition, where given, is seen by every output.

    Attributes:
        features: outputs a variable: 1 for a logit, 2 for a shift and a scale.
        inputs: numbers by which a variable enters: 1 for itself, k for a one-hot code.
        hidden: the widths of the hidden layers.
        order: the place of each variable, the natural order when None.
        seed: of random degrees; evenly spread ones when None.
        degrees: the places of the variables and the degrees of each hidden layer, in
            place of those that `order` and `seed` give; they may be traced.
        activation: after each hidden layer.
        residual: adds each hidden layer to the one before it (ResMADE); all widths must
            be equal, and the degrees evenly spread.
        direct: adds a linear map of the inputs to the outputs after them.
        output_init: initialiser of the last kernel.
        dtype: of the computation.

    Source: Germain, Gregor, Murray and Larochelle, 2015, arXiv:1502.03509; Durkan and
    Nash, 2019, arXiv:1904.05626, for residual ones.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import MaskedMLP
    >>> module = MaskedMLP(features=2, hidden=(16, 16))
    >>> x = jnp.ones((3, 4))
    >>> module.apply(module.init(jax.random.key(0), x), x).shape
    (3, 4, 2)
    """

    features: int
    hidden: Sequence[int]
    inputs: int = 1
    order: Sequence[int] | None = None
    seed: int | None = None
    degrees: Sequence[Array | np.ndarray] | None = None
    activation: Callable[[Array], Array] = jax.nn.relu
    residual: bool = False
    direct: bool = False
    output_init: Callable[..., Any] = nn.initializers.lecun_normal()
    dtype: DTypeLike = jnp.float32

    def degrees_of(self, dim: int) -> Sequence[Any]:
        """The places of `dim` variables, and the degrees of the hidden layers."""
        if self.degrees is not None:
            return self.degrees
        natural = tuple(range(dim))
        places = check_order("MaskedMLP", self.order or natural)
        if len(places) != dim:
            raise InputError(
                f"MaskedMLP: the order has {len(places)} entries, but x has {dim} "
                "variables."
            )
        return (places, *hidden_degrees(places, self.hidden, seed=self.seed))

    @nn.compact
    def __call__(self, x: Array, condition: Array | None = None) -> Array:
        """Maps `[b, d inputs]` and a condition `[b, k]` to `[b, d, features]`."""
        dim = x.shape[-1] // self.inputs
        degrees = self.degrees_of(dim)
        if condition is None and self.has_variable("params", "condition_output"):
            raise InputError(
                "MaskedMLP: it was initialised with a condition, and is applied to "
                "none."
            )
        is_random = self.seed is not None or self.degrees is not None
        if self.residual and (len(set(self.hidden)) > 1 or is_random):
            raise InputError(
                "MaskedMLP: residual layers need equal widths and evenly spread "
                f"degrees, got the widths {tuple(self.hidden)}, the seed {self.seed}"
                f"{'' if self.degrees is None else ' and given degrees'}."
            )
        first, *rest = _masks_of(degrees)
        *masks, last = [first.repeat(self.inputs, axis=0), *rest]
        h = x
        for layer, mask in enumerate(masks):
            below, h = h, MaskedDense(mask, dtype=self.dtype)(h)
            if condition is not None and layer == 0:
                h = h + nn.Dense(self.hidden[0], dtype=self.dtype, name="condition")(
                    condition
                )
            h = self.activation(h)
            h = below + h if self.residual and layer else h
        tiled = last.repeat(self.features, axis=1)
        y = MaskedDense(tiled, self.output_init, dtype=self.dtype)(h)
        if self.direct:
            linear = MaskedDense(
                _direct_mask(degrees[0], self.inputs, self.features),
                self.output_init,
                use_bias=False,
                dtype=self.dtype,
                name="direct",
            )
            y = y + linear(x)
        if condition is not None:
            y = y + nn.Dense(
                dim * self.features,
                dtype=self.dtype,
                kernel_init=self.output_init,
                name="condition_output",
            )(condition)
        return y.reshape(*y.shape[:-1], dim, self.features).astype(jnp.float32)


def autoregressive_steps(
    module: MaskedMLP,
    variables: Variables,
    *,
    dim: int,
    n: int,
    condition: Array | None = None,
) -> tuple[Any, Callable[[Any, Array, Array], tuple[Any, Array]]]:
    """A masked MLP place by place, with the work of a single pass.

    Each hidden unit is computed once, as soon as the inputs that it sees are known.

    Args:
        module: a masked MLP.
        variables: its variables.
        dim: variables of an example.
        n: examples at once.
        condition: `[n, k]`.

    Returns:
        A cache, and a function `(cache, place, previous [n, inputs]) -> (cache,
        outputs [n, features])`, to be called for each place of the order in turn,
        where `previous` are the inputs of the place before, zeros at first.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import MaskedMLP, autoregressive_steps
    >>> module = MaskedMLP(features=1, hidden=(8,))
    >>> x = jnp.ones((2, 3))
    >>> variables = module.init(jax.random.key(0), x)
    >>> cache, step = autoregressive_steps(module, variables, dim=3, n=2)
    >>> cache, first = step(cache, jnp.array(0), jnp.zeros((2, 1)))
    >>> _, second = step(cache, jnp.array(1), x[:, :1])
    >>> bool(jnp.allclose(second, module.apply(variables, x)[:, 1], atol=1e-5))
    True
    """
    places, k, dtype = module.degrees_of(dim)[0], module.inputs, module.dtype
    index = jnp.asarray(np.argsort(places))
    layers = _sorted_layers(module, variables["params"], places)
    shifts = _condition_shifts(module, variables["params"], layers, condition, n)
    offsets = jnp.asarray(np.stack([layer[3] for layer in layers], axis=1))
    direct = _direct_kernel(module, variables["params"], places)

    def layer_at(i: int, below: Array, offset: Array) -> Array:
        """The units of a layer that have just become known."""
        kernel, bias, size, _ = layers[i]

        def cut(leaf: Array) -> Array:
            return jax.lax.dynamic_slice_in_dim(leaf, offset[i], size, axis=-1)

        h = below @ cut(kernel) + cut(bias)[None] + cut(shifts[i]).astype(dtype)
        if i == len(layers) - 1:
            return h
        h = module.activation(h)
        return h + cut(below) if module.residual and i else h

    def step(cache: Tree, place: Array, previous: Array) -> tuple[Any, Array]:
        x, states = cache
        before = jnp.take(index, jnp.maximum(place - 1, 0))
        known_input = previous.astype(dtype)
        x = jax.lax.dynamic_update_slice_in_dim(x, known_input, k * before, axis=1)
        offset = jnp.take(offsets, jnp.take(index, place), axis=0)
        below, known = x, []
        for i, state in enumerate(states):
            h = layer_at(i, below, offset)
            below = jax.lax.dynamic_update_slice_in_dim(state, h, offset[i], axis=1)
            known.append(below)
        outputs = layer_at(len(states), below, offset)
        if direct is not None:
            kernel = jax.lax.dynamic_slice_in_dim(
                direct, offset[-1], outputs.shape[1], 1
            )
            outputs = outputs + x @ kernel
        return (x, known), outputs.astype(jnp.float32)

    states = [jnp.zeros((n, kernel.shape[1]), dtype) for kernel, *_ in layers[:-1]]
    return (jnp.zeros((n, dim * k), dtype), states), step


def autoregressive_scan(
    module: MaskedMLP,
    variables: Variables,
    choose: Callable[[Array, Any], tuple[Array, Any]],
    given: Tree,
    *,
    n: int,
    condition: Array | None = None,
) -> tuple[Array, Any]:
    """Finds the inputs of a masked MLP one by one, by `autoregressive_steps`.

    Args:
        module: a masked MLP with one input per variable.
        variables: its variables.
        choose: `(outputs [n, features], given_i) -> (input [n], aux)`.
        given: a pytree of `[d, ...]`, an entry per input (not a place).
        n: how many are found at once.
        condition: `[n, k]`.

    Returns:
        The inputs `[n, d]` and `aux` `[d, ...]`, both in the order of the inputs.

    >>> import jax
    >>> import jax.numpy as jnp
    >>> from genjax.nn import MaskedMLP, autoregressive_scan
    >>> module = MaskedMLP(features=1, hidden=(8,))
    >>> variables = module.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> choose = lambda outputs, given: (given + outputs[:, 0], None)
    >>> noise = jax.random.normal(jax.random.key(1), (3, 5))
    >>> x, _ = autoregressive_scan(module, variables, choose, noise, n=5)
    >>> back = x - module.apply(variables, x)[..., 0]
    >>> bool(jnp.allclose(back, noise.T, atol=1e-5))
    True
    """
    dim = len(jax.tree.leaves(given)[0])
    places = module.degrees_of(dim)[0]
    inputs = np.argsort(places)
    cache, advance = autoregressive_steps(
        module, variables, dim=dim, n=n, condition=condition
    )

    def step(carry: tuple[Any, Array], scanned: Tree) -> Tree:
        cache, previous = carry
        place, given_i = scanned
        cache, outputs = advance(cache, place, previous[:, None])
        value, aux = choose(outputs, given_i)
        return (cache, value.astype(previous.dtype)), (value, aux)

    in_order = jax.tree.map(lambda leaf: jnp.take(leaf, inputs, axis=0), given)
    start = (cache, jnp.zeros(n, jnp.float32))
    _, found = jax.lax.scan(step, start, (jnp.arange(dim), in_order))
    x, aux = jax.tree.map(lambda leaf: jnp.take(leaf, places, axis=0), found)
    return x.T, aux


def _sorted_layers(module: MaskedMLP, params: Tree, places: np.ndarray) -> list[Any]:
    """The kernels, masked, with their units sorted by degree.

    With each come its bias, the most units that become known at once, and where those
    begin, an entry per input.

    A slice that reaches beyond its own units computes others too early; they are
    computed again in time, and nothing sees them before.
    """
    dim, given = len(places), len(params["MaskedDense_0"]["kernel"])
    if given != dim * module.inputs:
        raise InputError(
            f"MaskedMLP: it was initialised on {given // module.inputs} dimensions, "
            f"got {dim}."
        )
    _, *degrees = module.degrees_of(dim)
    masks = _masks_of((places, *degrees))
    masks[0] = masks[0].repeat(module.inputs, axis=0)
    masks[-1] = masks[-1].repeat(module.features, axis=1)
    layers, below = [], np.arange(dim * module.inputs)
    for i, mask in enumerate(masks):
        weights = params[f"MaskedDense_{i}"]
        if i < len(degrees):
            order = np.argsort(degrees[i], kind="stable")
            ends = np.searchsorted(degrees[i][order], np.arange(dim + 1))
            size = max(int(np.diff(ends).max()), 1)
            offset = ends[places]
        else:
            order, size = np.arange(dim * module.features), module.features
            offset = np.arange(dim) * size
        kernel = (weights["kernel"] * mask)[below][:, order]
        dtype = module.dtype
        bias = weights["bias"][order].astype(dtype)
        layers.append((kernel.astype(dtype), bias, size, offset))
        below = order
    return layers


def _direct_kernel(module: MaskedMLP, params: Tree, places: np.ndarray) -> Array | None:
    if not module.direct:
        return None
    mask = _direct_mask(places, module.inputs, module.features)
    return (params["direct"]["kernel"] * mask).astype(module.dtype)


def _condition_shifts(
    module: MaskedMLP,
    params: Tree,
    layers: list[Any],
    condition: Array | None,
    n: int,
) -> list[Array]:
    """What a condition adds to each layer, `[n or 1, units]`."""
    shifts = [jnp.zeros((1, kernel.shape[1]), jnp.float32) for kernel, *_ in layers]
    width = (
        len(params["condition_output"]["kernel"]) if "condition_output" in params else 0
    )
    check_condition("MaskedMLP", width, condition, n)
    if condition is None:
        return shifts

    def shift(name: str) -> Array:
        kernel, bias = (
            params[name][leaf].astype(module.dtype) for leaf in ("kernel", "bias")
        )
        return condition.astype(module.dtype) @ kernel + bias[None]

    shifts[-1] = shift("condition_output")
    if module.hidden:
        _, first, *_ = module.degrees_of(layers[0][0].shape[0] // module.inputs)
        shifts[0] = shift("condition")[:, np.argsort(first, kind="stable")]
    return shifts
