// SASRec and SSE-PT, the forward pass. Lesson 03 builds the same thing in Python, with the same
// names: T positions, D width, H heads, I items. A vector is a row of a flat Float32Array.
"use strict";

// The dot product of `length` numbers of x from i on and of y from j on. Four sums, not one: none
// waits for another, and the whole model is twice as fast
function dot(x, i, y, j, length) {
  let a = 0, b = 0, c = 0, e = 0, d = 0;
  for (; d + 3 < length; d += 4) {
    a += x[i + d] * y[j + d];
    b += x[i + d + 1] * y[j + d + 1];
    c += x[i + d + 2] * y[j + d + 2];
    e += x[i + d + 3] * y[j + d + 3];
  }
  for (; d < length; d++) a += x[i + d] * y[j + d];
  return a + b + c + e;
}

// rows (T, A) times weight (C, A) transposed, plus bias (C): → (T, C), as nn.Linear does it
function linear(x, T, weight, bias) {
  const C = bias.length, A = weight.length / C, out = new Float32Array(T * C);
  for (let t = 0; t < T; t++) {
    for (let c = 0; c < C; c++) out[t * C + c] = bias[c] + dot(x, t * A, weight, c * A, A);
  }
  return out;
}

function add(x, y) {
  return x.map((value, i) => value + y[i]);
}

// Layer normalisation of each row of x (T, D): mean 0, variance 1, then gamma and beta. They have
// a row for each of n positions, of which the last T count, or one row for all.
function normalise(x, T, gamma, beta) {
  const D = x.length / T, out = new Float32Array(x.length), shared = gamma.length === D;
  for (let t = 0; t < T; t++) {
    const row = x.subarray(t * D, (t + 1) * D);
    const at = shared ? 0 : gamma.length - (T - t) * D;
    let mean = 0, variance = 0;
    for (const value of row) mean += value / D;
    for (const value of row) variance += (value - mean) ** 2 / D;
    const scale = 1 / Math.sqrt(variance + 1e-8);
    for (let d = 0; d < D; d++) {
      out[t * D + d] = (row[d] - mean) * scale * gamma[at + d] + beta[at + d];
    }
  }
  return out;
}

// scores (T) → weights (T): positive, they add up to 1; a score of -Infinity gets exactly 0
function softmax(scores) {
  const weights = new Float64Array(scores.length);
  let top = -Infinity, sum = 0;
  for (const score of scores) top = Math.max(top, score);
  for (let s = 0; s < scores.length; s++) sum += weights[s] = Math.exp(scores[s] - top);
  for (let s = 0; s < scores.length; s++) weights[s] /= sum;
  return weights;
}

// Causal attention: position t looks at itself and at the real positions before it.
// q, k, v (T, D) → {mixed (T, D), maps: H tables of T rows of T weights}
function attend(q, k, v, T, H, real) {
  const D = q.length / T, width = D / H, mixed = new Float32Array(T * D), maps = [];
  for (let h = 0; h < H; h++) {
    const map = Array.from({ length: T }, () => new Float32Array(T)); // zeros: the future gets nothing
    for (let t = 0; t < T; t++) {
      if (!real[t]) continue;
      const scores = new Float32Array(t + 1).fill(-Infinity);
      for (let s = 0; s <= t; s++) {
        if (real[s]) scores[s] = dot(q, t * D + h * width, k, s * D + h * width, width) / Math.sqrt(width);
      }
      map[t].set(softmax(scores));
      for (let s = 0; s <= t; s++) {
        const weight = map[t][s];
        for (let d = h * width; d < (h + 1) * width; d++) mixed[t * D + d] += weight * v[s * D + d];
      }
    }
    maps.push(map);
  }
  return { mixed, maps };
}

class Recommender {
  // config: the model's arguments. weights: name → Float32Array, as in torch's state dict.
  constructor(config, weights) {
    Object.assign(this, { config, weights });
    this.n = config.seq_max_len;
    this.items = config.item_num;
    this.itemWidth = config.item_width;
    this.table = weights["item_embedding_layer.weight"]; // (I+1, d_i), row 0 is padding
    this.output = weights["output_embedding_layer.weight"] || this.table; // untied or tied
  }

  // What the first block reads: √d · film, beside it √d_u · user (SSE-PT), plus the position
  embed(films, user) {
    const { itemWidth, n } = this, T = films.length, D = this.config.hidden_width;
    const positions = this.weights["positional_embedding_layer.weight"];
    const x = new Float32Array(T * D);
    films.forEach((film, t) => {
      if (!film) return; // a masked position is nothing, not even a position
      for (let d = 0; d < D; d++) {
        const value = d < itemWidth
          ? this.table[film * itemWidth + d] * Math.sqrt(itemWidth)
          : user[d - itemWidth] * Math.sqrt(D - itemWidth);
        x[t * D + d] = value + (positions ? positions[(n - T + t) * D + d] : 0);
      }
    });
    return x;
  }

  // One block: attention, then the feed-forward network; `layout` says where LN stands
  block(x, T, real, b) {
    const w = (name) => this.weights[`encoder.enc_layers.${b}.${name}`];
    const { layout, residuals, attention_num_heads: H } = this.config;
    const plus = (a, change) => (residuals ? add(a, change) : change);
    const first = (a) => normalise(a, T, w("layer_normalization.gamma"), w("layer_normalization.beta"));
    const second = (a) =>
      normalise(a, T, w("layer_normalization2.gamma"), w("layer_normalization2.beta"));
    let maps;
    const attention = (a, c) => {
      const q = linear(a, T, w("mha.Q.weight"), w("mha.Q.bias"));
      const k = linear(c, T, w("mha.K.weight"), w("mha.K.bias"));
      const v = linear(c, T, w("mha.V.weight"), w("mha.V.bias"));
      const looked = attend(q, k, v, T, H, real);
      maps = looked.maps;
      return looked.mixed;
    };
    const ffn = (a) => {
      const inner = linear(a, T, w("ffn.conv_layer1.weight"), w("ffn.conv_layer1.bias"));
      const relu = inner.map((value) => Math.max(value, 0));
      return linear(relu, T, w("ffn.conv_layer2.weight"), w("ffn.conv_layer2.bias"));
    };
    let out;
    if (layout === "pre-norm") {
      const y = plus(x, attention(first(x), first(x)));
      out = plus(y, ffn(second(y)));
    } else if (layout === "post-norm") {
      const y = first(plus(x, attention(x, x)));
      out = second(plus(y, ffn(y)));
    } else { // "contract" (recommenders) and "authors": queries from h = LN(x), the rest from x
      const h = first(x), a = plus(h, attention(h, x)), z = layout === "authors" ? second(a) : a;
      out = plus(z, ffn(z));
    }
    const D = out.length / T;
    for (let t = 0; t < T; t++) if (!real[t]) out.fill(0, t * D, (t + 1) * D);
    return { out, maps };
  }

  // films: ids, oldest first, 0 where one is masked; the last n count. user: (d_u) or null.
  // → {states (T, D), maps[block][head][t][s]}
  encode(films, user) {
    const seq = films.length ? films.slice(-this.n) : [0]; // an empty history: padding alone
    const T = seq.length, real = seq.map((film) => film > 0);
    let x = this.embed(seq, user);
    const maps = [];
    for (let b = 0; b < this.config.num_blocks; b++) {
      const done = this.block(x, T, real, b);
      x = done.out;
      maps.push(done.maps);
    }
    const { "layer_normalization.gamma": gamma, "layer_normalization.beta": beta } = this.weights;
    return { states: normalise(x, T, gamma, beta), maps, T };
  }

  // The score of every item after position t: (I+1), -Infinity at 0
  scores(states, T, t, user) {
    const { itemWidth, output, items } = this, D = states.length / T;
    const state = states.subarray(t * D, (t + 1) * D), out = new Float32Array(items + 1);
    let ofUser = 0; // the same for all items
    for (let d = itemWidth; d < D; d++) ofUser += state[d] * user[d - itemWidth] * Math.sqrt(D - itemWidth);
    for (let i = 1; i <= items; i++) {
      out[i] = ofUser + dot(state, 0, output, i * itemWidth, itemWidth);
    }
    out[0] = -Infinity;
    return out;
  }
}
