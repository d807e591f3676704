// The network in evaluation, and the gradient of one unit with respect to the image. A layer is
// {weights, bias}: W (in, out), row after row, and b (out). network/layers.py is the original.

/** y = x W + b. */
function dense(x, { weights, bias }) {
  const y = Float32Array.from(bias);
  for (let i = 0; i < x.length; i++) {
    if (x[i] === 0) continue; // as most of the pixels are
    for (let j = 0, row = i * y.length; j < y.length; j++) y[j] += x[i] * weights[row + j];
  }
  return y;
}

/** y = max(x, 0). */
function relu(x) {
  return x.map((value) => Math.max(value, 0));
}

/** p = exp(z − max z) / Σ exp(z − max z). */
function softmax(z) {
  const largest = z.reduce((a, b) => Math.max(a, b));
  const powers = z.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/** Return y = x W + b of every layer; the x of the next layer is max(y, 0), and the last y is z. */
function forward(network, x) {
  const sums = [];
  for (const layer of network) {
    sums.push(dense(x, layer));
    x = relu(sums.at(-1));
  }
  return sums;
}

/** Return the weights of all connections into a unit: a column of W. */
function incoming({ weights, bias }, unit) {
  return Float32Array.from(
    { length: weights.length / bias.length },
    (_, i) => weights[i * bias.length + unit],
  );
}

/** Return ∂y/∂x, with y of one unit of a layer and x the image: the chain rule, layer by layer. */
function gradient(network, sums, depth, unit) {
  let dx = incoming(network[depth], unit); // y = x W + b, so that ∂y/∂x is the unit's column of W
  for (let k = depth - 1; k >= 0; k--) {
    const dy = dx.map((value, j) => (sums[k][j] > 0 ? value : 0)); // ReLU: [x > 0] ∂/∂y
    dx = timesTransposed(dy, network[k]); // Dense: ∂/∂x = ∂/∂y Wᵀ
  }
  return dx;
}

/** Return v Wᵀ. */
function timesTransposed(v, { weights }) {
  const product = new Float32Array(weights.length / v.length);
  for (let i = 0; i < product.length; i++) {
    let sum = 0;
    for (let j = 0, row = i * v.length; j < v.length; j++) sum += v[j] * weights[row + j];
    product[i] = sum;
  }
  return product;
}
