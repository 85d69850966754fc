"""jaxdp, a library: its operators of entropy-regularised value iteration, in loops over stages as jax's are.

It has no finite horizon, so the loop is ours; it has no direct inference. Transitions are [a, s', s] there, and rewards
stand on the successor, [a, s, s'].
"""

import chex
import jax
import jax.numpy as jnp
import jaxdp
import numpy as np

from models import VARIATIONAL
from registry import program

jax.config.update("jax_enable_x64", True)
# Checks of values cannot be compiled, and γ = 1 is outside of the range that is checked for.
chex.disable_asserts()


@program("dense", VARIATIONAL, "jaxdp", "library: `SoftBellmanOptOp` and `SoftGreedyMap`; the loop over stages is ours")
def dense_variational(model):
    soft, greedy, horizon = jaxdp.SoftBellmanOptOp(temperature=1.0), jaxdp.SoftGreedyMap(temperature=1.0), model.horizon
    shape = (model.num_actions, model.num_states, model.num_states)
    mdp = jaxdp.MDP(
        transition=np.ascontiguousarray(model.transitions.transpose(1, 2, 0)),
        reward=np.ascontiguousarray(np.broadcast_to(model.rewards.T[:, :, None], shape)),
        initial=np.full(model.num_states, 1 / model.num_states),
        terminal=np.zeros(model.num_states),
    )

    def solve(mdp):
        # Action values whose soft maximum is V_T = 0.
        last = jnp.full(model.rewards.T.shape, -np.log(model.num_actions))

        def stage(after, _):
            q = soft.q(mdp, after, 1.0)
            return q, (jax.nn.logsumexp(q, axis=0), q, greedy.q(q))

        _, (values, q, policy) = jax.lax.scan(stage, last, None, length=horizon, reverse=True)
        return {"V": jnp.concatenate([values, jnp.zeros((1, model.num_states))]), "Q": q, "pi": policy}

    compiled, mdp = jax.jit(solve), jax.device_put(mdp)
    return lambda: jax.block_until_ready(compiled(mdp))


def tables(result):
    """To numpy; [t, a, s] as the others have it."""
    found = {name: np.asarray(table) for name, table in result.items()}
    return {name: table if name == "V" else table.swapaxes(1, 2) for name, table in found.items()}
