import jax
import numpy as np

from genjax import nn
from genjax.mutual_information import infonce
from tests.laws.instances import conditioner, image_batch, tiny_infomax


def test_the_loss_is_the_mean_over_places():
    objective, batch = tiny_infomax(), image_batch(5)
    variables = objective.init(jax.random.key(0), batch)
    value, (_, metrics) = objective.loss(variables, batch, jax.random.key(1))
    params = variables["params"]
    encoder = nn.LocalGlobalNet(features=4, widths=(4, 4), hidden=8)
    local, vector = encoder.apply({"params": params["encoder"]}, batch["x"])
    m = conditioner().apply({"params": params["local_projector"]}, local)
    g = conditioner().apply({"params": params["global_projector"]}, vector)
    values = [
        float(infonce(g @ m[:, i, j].T).value) for i in range(4) for j in range(4)
    ]
    np.testing.assert_allclose(-value, np.mean(values), rtol=1e-4)
    np.testing.assert_allclose(metrics["mutual_information"], -value, rtol=1e-6)
