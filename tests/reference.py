"""recommenders' forward pass, retyped from its formulas: float64, plain numbers, explicit loops.

Nothing here uses torch or seqrec_lib, so that agreement with it says something.
"""

from collections.abc import Mapping

import numpy as np

Array = np.ndarray


def layer_norm(x: Array, gamma: Array, beta: Array) -> Array:
    """One row, (D,): (x - mean) / sqrt(variance + 1e-8) * gamma + beta."""
    mean = x.sum() / len(x)
    variance = ((x - mean) ** 2).sum() / len(x)
    return (x - mean) / np.sqrt(variance + 1e-8) * gamma + beta


def attention(q: Array, k: Array, v: Array, real: Array, heads: int) -> tuple[Array, Array]:
    """Each real position over the real ones up to itself: (T, D), and the weights (H, T, T)."""
    T, D = q.shape
    width = D // heads
    out, weights = np.zeros((T, D)), np.zeros((heads, T, T))
    for h in range(heads):
        part = slice(h * width, (h + 1) * width)
        for t in range(T):
            if not real[t]:
                continue
            seen = [s for s in range(t + 1) if real[s]]
            scores = np.array([q[t, part] @ k[s, part] / np.sqrt(width) for s in seen])
            powers = np.exp(scores - scores.max())
            weights[h, t, seen] = powers / powers.sum()
            out[t, part] = sum(weights[h, t, s] * v[s, part] for s in seen)
    return out, weights


def hidden_states(
    state: Mapping[str, Array], seq: Array, heads: int, user: int | None = None
) -> tuple[Array, list[Array]]:
    """One sequence of ids (T,) → the states after the last normalisation (T, D), and each block's
    attention weights (H, T, T)."""
    items, places = state["item_embedding_layer.weight"], state["positional_embedding_layer.weight"]
    real = seq != 0
    x = np.zeros((len(seq), places.shape[1]))
    for t in range(len(seq)):
        vector = items[seq[t]] * np.sqrt(items.shape[1])
        if user is not None:
            vector = np.concatenate([vector, user_vector(state, user)])
        x[t] = (vector + places[t]) * real[t]
    maps = []
    block = 0
    while f"encoder.enc_layers.{block}.mha.Q.weight" in state:
        prefix = f"encoder.enc_layers.{block}"

        def of(name: str, prefix: str = prefix) -> Array:
            return state[f"{prefix}.{name}"]

        gamma, beta = of("layer_normalization.gamma"), of("layer_normalization.beta")
        h = np.stack([layer_norm(x[t], gamma[t], beta[t]) for t in range(len(seq))])
        q = h @ of("mha.Q.weight").T + of("mha.Q.bias")
        k = x @ of("mha.K.weight").T + of("mha.K.bias")
        v = x @ of("mha.V.weight").T + of("mha.V.bias")
        mixed, weights = attention(q, k, v, real, heads)
        maps.append(weights)
        a = h + mixed
        inner = a @ of("ffn.conv_layer1.weight")[:, :, 0].T + of("ffn.conv_layer1.bias")
        outer = np.maximum(inner, 0) @ of("ffn.conv_layer2.weight")[:, :, 0].T
        x = (a + outer + of("ffn.conv_layer2.bias")) * real[:, None]
        block += 1
    gamma, beta = state["layer_normalization.gamma"], state["layer_normalization.beta"]
    return np.stack([layer_norm(x[t], gamma[t], beta[t]) for t in range(len(seq))]), maps


def user_vector(state: Mapping[str, Array], user: int) -> Array:
    table = state["user_embedding_layer.weight"]
    return table[user] * np.sqrt(table.shape[1])


def logits(
    state: Mapping[str, Array],
    seq: Array,
    candidates: Array,
    heads: int,
    users: Array | None = None,
) -> Array:
    """seq (B, T), candidates (B, T, K), users (B,) → the logits of the candidates (B, T, K)."""
    out = np.zeros(candidates.shape)
    for b in range(len(seq)):
        user = None if users is None else int(users[b])
        states, _ = hidden_states(state, seq[b], heads, user)
        for t in range(seq.shape[1]):
            for c, item in enumerate(candidates[b, t]):
                vector = state["item_embedding_layer.weight"][item]
                if user is not None:
                    vector = np.concatenate([vector, user_vector(state, user)])
                out[b, t, c] = states[t] @ vector
    return out
