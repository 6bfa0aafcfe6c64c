"""A tiny instance of every method: one line here, and it is held to its laws."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from genjax import nn
from genjax.autoregressive import (
    Conditional,
    binary,
    by_column,
    categorical,
    cooled,
    darn,
    deep_nade,
    fvsbn,
    grey_levels,
    laplace_mixture,
    lstm,
    made,
    member_likelihood,
    nade,
    on_images,
    order_ensemble,
    ordered,
    orderless_likelihood,
    pixel_cnn,
    recurrent,
    rnade,
    scan_terms,
    segmented,
    shared_ensemble,
    transformer,
    wavenet,
)
from genjax.base import Density, Game, Update
from genjax.densities import (
    bernoulli,
    bernoulli_mixture,
    checkerboard,
    concatenated,
    conditional_bernoulli,
    conditional_likelihood,
    conditional_normal,
    conditional_one_hot,
    diagonal_normal,
    diagonal_normal_mixture,
    eight_gaussians,
    embed_condition,
    gaussian_grid,
    logistic,
    negative_log_likelihood,
    resampled,
    spirals,
    standard_normal,
    tempered,
    two_moons,
    uniform,
)
from genjax.detection.scales import pyramid_training, with_valid_range
from genjax.flow_matching import (
    continuous,
    distillation,
    drop_condition,
    fixed_steps,
    flow_matching,
    logit_normal_times,
)
from genjax.flows import (
    Elementwise,
    actnorm,
    affine,
    alternating_mask,
    autoregressive_flow,
    bernstein_polynomial,
    block_autoregressive,
    bounded_rational_quadratic_spline,
    chain,
    checkerboard_mask,
    circular_rational_quadratic_spline,
    coupling,
    cubic_spline,
    density,
    elementwise,
    exponential,
    glow,
    glow_step,
    householder,
    householder_sylvester,
    identity,
    invert,
    jacobi,
    leaky_relu,
    linear_spline,
    logistic_mixture_cdf,
    masked_autoregressive,
    masked_coupling,
    multiscale,
    normal_cdf,
    orthogonal_sylvester,
    permutation,
    planar,
    plu,
    power,
    qr,
    quadratic_spline,
    radial,
    rational_quadratic_spline,
    realnvp,
    repeat,
    residual,
    reverse,
    scale,
    sequential,
    shift,
    sigmoid,
    softplus,
    squeeze,
    stack,
    swap_directions,
    tanh,
    triangular,
    triangular_sylvester,
    variational_dequantization,
)
from genjax.gan import (
    Schedule,
    alternating,
    bigan,
    consensus,
    extragradient,
    minimax,
    r1,
    simultaneous,
    unrolled,
    veegan,
)
from genjax.metrics import (
    classifier_score,
    energy_distance,
    frechet_distance,
    gaussian_kernel,
    kernel_distance,
    maximum_mean_discrepancy,
    memorization,
    mode_coverage,
    nearest_neighbour_accuracy,
    precision_recall_density_coverage,
    sliced_wasserstein,
)
from genjax.mutual_information import estimation, separable_critic, smile
from genjax.programs import invertible
from genjax.training import (
    accumulate,
    ensemble,
    gradient_descent,
    scheduled,
    skip_nonfinite,
    stochastic,
    sweep,
    weighted_sum,
    with_ema,
    with_preprocessing,
)
from genjax.vae import closed_form_kl, elbo, iwae
from tests.laws.instances import (
    Noisy,
    affine_layer,
    batch,
    conditional_batch,
    conditioner,
    face_batch,
    flow_pair_batch,
    image_batch,
    labelled_batch,
    layer,
    masked,
    pair_batch,
    penalized_gan,
    player,
    remembering_gan,
    scene_batch,
    time_network,
    tiny_adversarial_autoencoder,
    tiny_ali,
    tiny_classifier_gan,
    tiny_consistent_gan,
    tiny_detector,
    tiny_enlarger,
    tiny_face_objective,
    tiny_gan,
    tiny_info_gan,
    tiny_infomax,
    tiny_pairs,
    tiny_realnvp,
    tiny_restoration,
    tiny_simclr,
    tiny_vae,
    tiny_zero_sum,
)


class Case(NamedTuple):
    """A method and the shape of one event of its domain."""

    method: Any
    event: tuple[int, ...] = (4,)
    condition: tuple[int, ...] | None = None


def normal_batch(case: Case, rows: int = 8) -> tuple[jax.Array, jax.Array | None]:
    """Events, and conditions where the case has any."""
    key_x, key_condition = jax.random.split(jax.random.key(1))
    x = jax.random.normal(key_x, (rows, *case.event))
    if case.condition is None:
        return x, None
    return x, jax.random.normal(key_condition, (rows, *case.condition))


BIJECTORS: Mapping[str, Case] = {
    "coupling": Case(affine_layer()),
    "coupling, images": Case(affine_layer(), (3, 3, 4)),
    "coupling, conditioned": Case(affine_layer(), condition=(2,)),
    "coupling, shift": Case(coupling(shift(), conditioner(2), split=2)),
    "coupling, spline": Case(
        coupling(rational_quadratic_spline(bins=4), conditioner(22), split=2)
    ),
    "masked_coupling": Case(
        masked_coupling(affine(), conditioner(8), mask=alternating_mask(4))
    ),
    "masked_coupling, checkerboard": Case(
        masked_coupling(affine(), conditioner(2), mask=checkerboard_mask(4, 2)),
        (4, 2, 1),
        (2,),
    ),
    "masked_autoregressive": Case(masked_autoregressive(affine(), masked())),
    "masked_autoregressive, conditioned": Case(
        masked_autoregressive(affine(), masked(order=(2, 0, 3, 1))), condition=(2,)
    ),
    "masked_autoregressive, residual": Case(
        masked_autoregressive(affine(), masked(residual=True))
    ),
    "masked_autoregressive, sequential": Case(
        masked_autoregressive(affine(), masked(seed=1), inverse=sequential)
    ),
    "masked_autoregressive, jacobi": Case(
        masked_autoregressive(affine(), masked(), inverse=jacobi())
    ),
    "masked_autoregressive, spline": Case(
        masked_autoregressive(rational_quadratic_spline(bins=4), masked(11))
    ),
    "block_autoregressive": Case(block_autoregressive(width=6)),
    "block_autoregressive, conditioned": Case(
        block_autoregressive(width=4, hidden=2), condition=(2,)
    ),
    "elementwise": Case(elementwise(affine())),
    "identity": Case(identity()),
    "permutation": Case(permutation((2, 0, 3, 1))),
    "reverse": Case(reverse()),
    "plu": Case(plu()),
    "plu, images": Case(plu(), (2, 2, 3)),
    "triangular": Case(triangular()),
    "householder": Case(householder(reflections=3)),
    "qr": Case(qr(reflections=3)),
    "actnorm": Case(actnorm()),
    "squeeze": Case(squeeze(), (4, 2, 1)),
    "glow_step": Case(glow_step(affine(), conditioner(), split=2), (2, 2, 4)),
    "multiscale": Case(
        multiscale(actnorm(), glow_step(affine(), conditioner(8), split=4)), (4, 4, 1)
    ),
    "glow": Case(
        glow(affine(), conditioner, event_shape=(4, 4, 1), levels=2, steps=1),
        (4, 4, 1),
    ),
    "realnvp": Case(
        realnvp(affine(), conditioner, event_shape=(4, 2, 1), levels=1, couplings=2),
        (4, 2, 1),
    ),
    "planar": Case(planar()),
    "radial": Case(radial()),
    "orthogonal_sylvester": Case(orthogonal_sylvester(rank=3)),
    "householder_sylvester": Case(householder_sylvester(reflections=3)),
    "triangular_sylvester": Case(triangular_sylvester()),
    "residual": Case(residual(nn.LipschitzMLP(features=4, hidden=(8,)))),
    "invertible": Case(
        invertible(
            lambda params, x: jnp.sinh(params * x)[::-1],
            lambda key, x: jnp.full(x.shape, 0.8),
        )
    ),
    "stack": Case(
        stack(identity(), coupling(affine(), conditioner(2), split=2), sizes=(1, 3))
    ),
    "chain": Case(chain(affine_layer(), reverse(), affine_layer())),
    "invert": Case(invert(affine_layer())),
    "repeat": Case(repeat(layer(), 3)),
    "repeat, conditioned": Case(repeat(layer(), 3), condition=(2,)),
    "continuous": Case(continuous(time_network(), integrator=fixed_steps(20))),
    "continuous, conditioned": Case(
        continuous(time_network(), integrator=fixed_steps(20)), condition=(2,)
    ),
    "repeat, scanned": Case(repeat(layer(), 10)),
}

ELEMENTWISE: Mapping[str, Elementwise] = {
    "affine": affine(),
    "bernstein_polynomial": bernstein_polynomial(degree=6),
    "bounded": bounded_rational_quadratic_spline(bins=5),
    "circular": circular_rational_quadratic_spline(bins=5),
    "cubic_spline": cubic_spline(bins=5),
    "exponential": exponential(),
    "flip": swap_directions(exponential()),
    "leaky_relu": leaky_relu(),
    "linear_spline": linear_spline(bins=5),
    "logistic_mixture_cdf": logistic_mixture_cdf(components=3),
    "normal_cdf": normal_cdf(),
    "power": power(exponent=1.7),
    "quadratic_spline": quadratic_spline(bins=5),
    "rational_quadratic_spline": rational_quadratic_spline(bins=5),
    "scale": scale(),
    "shift": shift(),
    "sigmoid": sigmoid(),
    "softplus": softplus(),
    "tanh": tanh(),
}

AUTOREGRESSIVE: Mapping[str, Callable[[Conditional], Density]] = {
    "fvsbn": lambda c: fvsbn(conditional=c),
    "nade": lambda c: nade(hidden=5, conditional=c),
    "nade, relu": lambda c: nade(
        hidden=5, activation=jax.nn.relu, conditional=c, terms=segmented(4)
    ),
    "nade, scan": lambda c: nade(hidden=5, conditional=c, terms=scan_terms),
    "made": lambda c: made(hidden=(7, 9), conditional=c),
    "made, random and direct": lambda c: made(
        hidden=(8,), conditional=c, seed=1, direct=True
    ),
    "made, residual": lambda c: made(hidden=(8, 8), conditional=c, residual=True),
    "recurrent, gru": lambda c: recurrent(hidden=4, conditional=c),
    "recurrent, lstm": lambda c: recurrent(hidden=4, cell=lstm(), conditional=c),
    "transformer": lambda c: transformer(width=8, heads=2, layers=2, conditional=c),
    "transformer, rotary": lambda c: transformer(
        width=8, heads=2, layers=1, conditional=c, rotary=True
    ),
    "wavenet": lambda c: wavenet(channels=4, layers=3, conditional=c),
    "pixel_cnn": lambda c: pixel_cnn(
        shape=(3, 2, 1), channels=4, layers=2, conditional=c, kernel=3
    ),
    "pixel_cnn, colours": lambda c: pixel_cnn(
        shape=(1, 3, 2), channels=4, layers=2, conditional=c
    ),
}
"""Every network of conditionals over six dimensions, of whatever they are drawn."""

HALVES = ((0, 1, 2, 3, 4, 5), (2, 0, 1, 5, 3, 4))
"""Orders that share the prefix {0, 1, 2}."""

TWO_KINDS = [binary(), categorical(2)] * 3
"""Conditionals of six columns."""

BINARY: Mapping[str, Case] = {
    "bernoulli": Case(bernoulli(), (6,)),
    "bernoulli_mixture": Case(bernoulli_mixture(components=3), (6,)),
    **{name: Case(make(binary()), (6,)) for name, make in AUTOREGRESSIVE.items()},
    "cooled": Case(fvsbn(conditional=cooled(binary(), temperature=0.5)), (6,)),
    "two classes": Case(fvsbn(conditional=categorical(2)), (6,)),
    "columns of two kinds": Case(
        nade(hidden=4, conditional=by_column(TWO_KINDS)), (6,)
    ),
    "deep_nade of columns of two kinds": Case(
        deep_nade(nn.MLP(features=12, hidden=(4,)), conditional=by_column(TWO_KINDS)),
        (6,),
    ),
    "two grey levels": Case(
        nade(hidden=4, conditional=grey_levels(levels=2, components=2)), (6,)
    ),
    "ordered": Case(ordered(nade(hidden=4), HALVES[1]), (6,)),
    "order_ensemble": Case(order_ensemble(nade(hidden=4), HALVES), (6,)),
    "conv_nade": Case(
        deep_nade(
            on_images(
                nn.ConvStack(
                    features=1,
                    widths=(4, 4),
                    inner=3,
                    output_init=jax.nn.initializers.normal(0.3),
                ),
                shape=(2, 3, 1),
            )
        ),
        (6,),
    ),
    "deep_nade": Case(deep_nade(conditioner(6), HALVES[1]), (6,)),
    "shared_ensemble, orders": Case(
        shared_ensemble(partial(deep_nade, conditioner(6)), np.array(HALVES)), (6,)
    ),
    "shared_ensemble, masks": Case(
        shared_ensemble(
            lambda degrees: made(hidden=(8, 9), degrees=degrees),
            nn.sampled_degrees((0, 1), dim=6, hidden=(8, 9), orders=HALVES),
        ),
        (6,),
    ),
    "made, ordered": Case(made(hidden=(7, 9), order=HALVES[1], direct=True), (6,)),
    "darn": Case(darn(fvsbn(), nade(hidden=3), latent_dim=2), (6,)),
}
"""Densities over {0, 1}^d."""

PLANAR: Mapping[str, Case] = {
    "standard_normal": Case(standard_normal((2,)), (2,)),
    "diagonal_normal": Case(diagonal_normal((2,)), (2,)),
    "rnade": Case(rnade(hidden=4, components=2), (2,)),
    "nade, laplace": Case(nade(hidden=4, conditional=laplace_mixture(2)), (2,)),
    "realnvp": Case(
        density(
            repeat(chain(coupling(affine(), conditioner(2), split=1), reverse()), 2),
            standard_normal((2,)),
        ),
        (2,),
    ),
    "autoregressive_flow": Case(
        autoregressive_flow(rational_quadratic_spline(bins=4), masked(11)), (2,)
    ),
    "diagonal_normal_mixture": Case(diagonal_normal_mixture(components=3), (2,)),
    "uniform": Case(uniform((2,), low=-1.0, high=1.5), (2,)),
    "concatenated": Case(
        concatenated((standard_normal((1,)), 1), (logistic((1,)), 1)), (2,)
    ),
    "tempered": Case(tempered(logistic((2,)), temperature=0.4), (2,)),
    "resampled": Case(
        resampled(
            standard_normal((2,)),
            conditioner(1),
            key=jax.random.key(0),
            tries=20,
            points=100_000,
        ),
        (2,),
    ),
    "two_moons": Case(two_moons(noise=0.2), (2,)),
    "eight_gaussians": Case(eight_gaussians(), (2,)),
    "gaussian_grid": Case(gaussian_grid(side=2, scale=0.2), (2,)),
    "checkerboard": Case(checkerboard(), (2,)),
    "spirals": Case(spirals(noise=0.3), (2,)),
}
"""Densities over the plane, within [-8, 8]^2 up to 1e-3 of their mass."""


CONDITIONAL: Mapping[str, Case] = {
    "conditional_normal": Case(conditional_normal(conditioner(4)), (2,), (3,)),
    "embed_condition": Case(
        embed_condition(conditional_normal(conditioner(4)), conditioner(5)), (2,), (3,)
    ),
    "conditional_bernoulli": Case(conditional_bernoulli(conditioner(6)), (6,), (3,)),
    "conditional_one_hot": Case(conditional_one_hot(conditioner(6)), (6,), (3,)),
    "conditional flow": Case(
        density(
            repeat(chain(coupling(affine(), conditioner(2), split=1), reverse()), 2),
            standard_normal((2,)),
        ),
        (2,),
        (3,),
    ),
    "conditional base": Case(
        density(planar(), conditional_normal(conditioner(4))), (2,), (3,)
    ),
    "nade": Case(nade(hidden=5), (6,), (3,)),
    "made": Case(made(hidden=(7, 9)), (6,), (3,)),
    "transformer": Case(transformer(width=8, heads=2, layers=1), (6,), (3,)),
    "pixel_cnn": Case(
        pixel_cnn(shape=(3, 2, 1), channels=4, layers=2, kernel=3), (6,), (3,)
    ),
}
"""Densities of a condition, over {0, 1}^6 or the plane."""


class Training(NamedTuple):
    """Something to train, and its batches."""

    method: Any
    batch: Callable[..., Any] = batch


PLAYERS: Mapping[str, Training] = {
    "gan, generator": Training(player(tiny_gan(), "generator")),
    "gan, discriminator": Training(player(tiny_gan((r1(gamma=1.0),)), "discriminator")),
    "gan that remembers": Training(player(remembering_gan(), "discriminator")),
    "gan that infers": Training(player(tiny_ali(), "generator")),
    "gan that is penalised": Training(player(penalized_gan(), "discriminator")),
    "gan of alike noise": Training(player(tiny_consistent_gan(), "generator")),
    "bigan": Training(player(tiny_pairs(bigan), "generator")),
    "veegan": Training(player(tiny_pairs(veegan), "generator")),
    "adversarial_autoencoder": Training(
        player(tiny_adversarial_autoencoder(), "generator")
    ),
    "zero_sum": Training(player(tiny_zero_sum(), "discriminator")),
    "with_discriminator": Training(player(tiny_restoration(), "generator")),
    "gan that informs": Training(player(tiny_info_gan(), "generator")),
    "gan that classifies": Training(
        player(tiny_classifier_gan(), "discriminator"),
        labelled_batch,
    ),
}
"""Players of games, each against one that stands still; `minimax` trains both."""

OBJECTIVES: Mapping[str, Training] = {
    "nade": Training(negative_log_likelihood(nade(hidden=5))),
    "orderless_likelihood": Training(orderless_likelihood(conditioner())),
    "realnvp": Training(negative_log_likelihood(tiny_realnvp())),
    "accumulate": Training(accumulate(negative_log_likelihood(nade(hidden=5)), 2)),
    "with_preprocessing": Training(
        with_preprocessing(
            negative_log_likelihood(nade(hidden=5)),
            lambda key, batch: {"x": 1 - batch["x"]},
        )
    ),
    "scheduled": Training(
        scheduled(
            lambda step: with_preprocessing(
                negative_log_likelihood(nade(hidden=5)),
                lambda key, batch: {"x": jnp.where(step % 2, 0.0, batch["x"])},
            )
        )
    ),
    "conditional_likelihood": Training(
        conditional_likelihood(conditional_normal(conditioner(8)), Noisy()),
        conditional_batch,
    ),
    "flow_matching": Training(
        flow_matching(time_network(), times=logit_normal_times())
    ),
    "drop_condition": Training(
        drop_condition(
            flow_matching(time_network()), rate=0.5, unconditional=jnp.zeros(3)
        ),
        conditional_batch,
    ),
    "member_likelihood": Training(
        member_likelihood(
            partial(deep_nade, conditioner()), np.array([[0, 1, 2, 3], [2, 0, 3, 1]])
        )
    ),
    "distillation": Training(distillation(time_network()), flow_pair_batch),
    "variational_dequantization": Training(
        stochastic(
            lambda key: negative_log_likelihood(
                variational_dequantization(
                    density(
                        chain(elementwise(swap_directions(sigmoid())), layer()),
                        standard_normal((4,)),
                    ),
                    coupling(affine(), conditioner(), split=2),
                    logistic((4,)),
                    levels=4,
                    key=key,
                )
            )
        ),
    ),
    "elbo": Training(elbo(tiny_vae(), latent_dim=2)),
    "elbo, analytic": Training(
        elbo(tiny_vae(), latent_dim=2, kl=closed_form_kl),
    ),
    "iwae": Training(iwae(tiny_vae(), latent_dim=2, samples=3)),
    "mutual_information": Training(
        estimation(separable_critic(conditioner(), conditioner()), smile),
        pair_batch,
    ),
    "simclr": Training(tiny_simclr()),
    "deep_infomax": Training(tiny_infomax(), image_batch),
    "detector": Training(tiny_detector(), scene_batch),
    "pyramid_training": Training(
        pyramid_training(tiny_detector(), scales=(1.0, 2.0)), scene_batch
    ),
    "with_valid_range": Training(
        with_valid_range(tiny_detector(), (0.0, 14.0)), scene_batch
    ),
    "face_objective": Training(tiny_face_objective(), face_batch),
    "content": Training(tiny_enlarger(), scene_batch),
    "weighted_sum": Training(
        weighted_sum(
            {
                "forwards": negative_log_likelihood(nade(hidden=5)),
                "backwards": with_preprocessing(
                    negative_log_likelihood(nade(hidden=5)),
                    lambda key, batch: {"x": batch["x"][:, ::-1]},
                ),
            },
            weights={"backwards": 0.5},
        )
    ),
    **PLAYERS,
}
"""Every objective, and both players of every game."""


OF_SAMPLES: Mapping[str, Callable[[jax.Array, jax.Array], Any]] = {
    "classifier_score": lambda x, y: (classifier_score(x), classifier_score(y)),
    "energy_distance": energy_distance,
    "frechet_distance": frechet_distance,
    "kernel_distance": kernel_distance,
    "maximum_mean_discrepancy": partial(
        maximum_mean_discrepancy, kernel=gaussian_kernel(1.0, 3.0)
    ),
    "memorization": lambda x, y: memorization(x, y, 2 * y),
    "mode_coverage": lambda x, y: mode_coverage(x, y[:2], scale=0.5),
    "nearest_neighbour_accuracy": nearest_neighbour_accuracy,
    "precision_recall_density_coverage": partial(
        precision_recall_density_coverage, k=2
    ),
    "sliced_wasserstein": partial(sliced_wasserstein, jax.random.key(7)),
}
"""Every metric of two sets of 20 vectors, a pytree of scalars."""


def descent(name: str) -> Update:
    # Adam's first steps are those of the gradient's sign, which rounding decides.
    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0), optax.sgd(1e-2, momentum=0.9)
    )
    return gradient_descent(OBJECTIVES[name].method, optimizer)


def tiny_minimax(schedule: Schedule, game: Game | None = None) -> Update:
    adam = optax.adam(1e-2)
    return minimax(game or tiny_gan((r1(gamma=1.0),)), adam, adam, schedule=schedule)


UPDATES: Mapping[str, Training] = {
    **{
        name: Training(descent(name), case.batch)
        for name, case in OBJECTIVES.items()
        if name not in PLAYERS
    },
    "with_ema": Training(with_ema(descent("realnvp"), decay=0.9)),
    "skip_nonfinite": Training(skip_nonfinite(descent("nade"))),
    "ensemble": Training(ensemble(descent("nade"), 3)),
    "sweep": Training(
        sweep(
            lambda rate: gradient_descent(OBJECTIVES["nade"].method, optax.sgd(rate)),
            jnp.array([0.01, 0.1]),
        )
    ),
    "minimax, alternating": Training(tiny_minimax(alternating(n_discriminator=2))),
    "minimax, simultaneous": Training(tiny_minimax(simultaneous())),
    "minimax, extragradient": Training(tiny_minimax(extragradient())),
    "minimax, consensus": Training(tiny_minimax(consensus(weight=0.1))),
    "minimax, with memory": Training(
        with_ema(tiny_minimax(alternating(), remembering_gan()), decay=0.9)
    ),
    "minimax, unrolled": Training(
        tiny_minimax(alternating(), unrolled(tiny_gan(), optax.sgd(0.1), steps=2))
    ),
}
