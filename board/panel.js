// The panel of one unit: its sum, its weights, and the pixels that speak for and against it.
"use strict";

const SIGNED = ["neither", "for", "against"];

function renderUnit({ depth, unit }) {
  const isClass = depth === LAST;
  const title = isClass ? `Class ${CLASSES[unit]}` : `Unit ${unit + 1} of layer ${depth + 1}`;
  element("unit-title").textContent = title;
  element("unit").classList.toggle("pinned", pinned !== null);
  element("unpin").hidden = !pinned;
  renderWeights(depth, unit, title);
  const hasGradient = seen !== null && depth > 0;
  element("gradient-figure").hidden = !hasGradient;
  element("decomposition").hidden = !seen;
  element("sum").textContent = "Draw to see the network's result.";
  if (!seen) return;

  const letter = isClass ? "z" : "y";
  // the parts are rounded so that they add up
  const [value, bias] = [seen.sums[depth][unit], NETWORK[depth].bias[unit]].map(round);
  const sum = `${decimal(value - bias)} ${bias < 0 ? "−" : "+"} ${decimal(Math.abs(bias))}`;
  const output = isClass
    ? `p\u00a0=\u00a0${percent(seen.probabilities[unit])}`
    : `output\u00a0max(y,\u00a00)\u00a0=\u00a0${decimal(Math.max(value, 0))}`;
  element("sum").textContent = `${letter} = ${nameOf(depth - 1)} W + b = ${sum} = ${decimal(value)}, ${output}`;
  element("decomposition").textContent = hasGradient
    ? renderGradient(depth, unit, title, letter, value)
    : "Its weights are ∂y/∂x: the pixels that speak for and against it.";
}

function renderWeights(depth, unit, title) {
  const gap = depth ? 0.12 : 0;
  const painted = paint(element("weights"), incoming(NETWORK[depth], unit), SIGNED, { gap });
  if (seen && !depth) outline(painted, seen.x);
  element("weights").ariaLabel = `The weights into ${title}`;
  const source = depth ? `unit of layer ${depth}, in the same place` : "pixel";
  element("weights-caption").textContent =
    `Weights, one for each ${source}; the largest ±${decimal(painted.limit)}.`;
}

/** Show the gradient, and return how much the ink and the biases give to the unit's value. */
function renderGradient(depth, unit, title, letter, value) {
  const slope = gradient(NETWORK, seen.sums, depth, unit);
  const painted = paint(element("gradient"), slope, SIGNED);
  outline(painted, seen.x);
  element("gradient").ariaLabel = `The pixels that speak for and against ${title}`;
  element("gradient-caption").textContent =
    `∂${letter}/∂x: how much ink in each pixel would raise ${letter}; the largest ±${decimal(painted.limit)}.`;
  const given = round(slope.reduce((sum, each, i) => sum + each * seen.x[i], 0));
  return `Of ${letter}, the ink gives Σ x ∂${letter}/∂x = ${decimal(given)}, the biases ${decimal(value - given)}.`;
}

element("code").textContent = [
  dense, relu, softmax, forward, incoming, gradient, timesTransposed,
].join("\n\n");
