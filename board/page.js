// The drawing board: the drawing, and the views of the network.
"use strict";

const element = (id) => document.getElementById(id);
const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const floats = (text) => new Float32Array(decode(text).buffer);

const DATA = JSON.parse(element("data").textContent);
const CLASSES = DATA.classes;
const NETWORK = DATA.layers.map(({ weights, bias }) => ({
  weights: floats(weights),
  bias: floats(bias),
}));
const SAMPLES = DATA.samples.map(({ pixels, label, predicted }) => ({
  x: Float32Array.from(decode(pixels), (value) => value / 255),
  label,
  predicted,
}));
const LAST = NETWORK.length - 1;
const PREPARED = {
  centred: "The drawing, fitted into 20 × 20 pixels, its centre of mass in the middle.",
  framed: "The drawing, fitted into 28 × 28 pixels, light on dark.",
};

const board = element("board");
const SIDE = board.width;
const PEN = SIDE / 12; // width of a stroke
const STEP = SIDE / 28; // of the arrow keys
const ink = board.getContext("2d");
const COPY_SIDE = 96; // of the reduced copy that is read, so that an answer takes less than a frame
const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
copy.canvas.width = copy.canvas.height = COPY_SIDE;
copy.imageSmoothingQuality = "high";

// A drawing is replaced and never changed, so that undoing is going back to an earlier one.
let drawing = { strokes: [], sample: null };
const earlier = [];
let pen = { x: SIDE / 2, y: SIDE / 2 }; // of the keyboard
let answers = []; // {x, sums, probabilities} of each mark that was found, from left to right
let seen = null; // the last of them
let refusal = ""; // why none was found
let pointed = null; // {depth, unit} under the pointer or the focus
let pinned = null; // {depth, unit} that was clicked

// The drawing

function show(next) {
  earlier.push(drawing);
  drawing = next;
  redraw();
}

function undo() {
  if (!earlier.length) return;
  drawing = earlier.pop();
  redraw();
  announce();
}

function clear() {
  if (drawing.strokes.length || drawing.sample) show({ strokes: [], sample: null });
  announce();
}

function redraw() {
  ink.fillStyle = "white";
  ink.fillRect(0, 0, SIDE, SIDE);
  if (drawing.sample) drawSample(ink, drawing.sample, SIDE / 28);
  for (const stroke of drawing.strokes) {
    stroke.forEach((point, i) => drawLine(stroke[Math.max(i - 1, 0)], point));
  }
  refresh();
}

function drawLine(from, to) {
  Object.assign(ink, { strokeStyle: "black", lineWidth: PEN, lineCap: "round" });
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y);
  ink.stroke();
}

function drawSample(context, { x }, cell) {
  x.forEach((value, i) => {
    context.fillStyle = `rgb(0 0 0 / ${value})`;
    context.fillRect((i % 28) * cell, Math.floor(i / 28) * cell, cell, cell);
  });
}

function begin(point) {
  show({ strokes: [...drawing.strokes, [point]], sample: null });
}

function extend(point) {
  const stroke = drawing.strokes.at(-1);
  drawLine(stroke.at(-1), point);
  stroke.push(point);
  refresh();
}

function pointOf(event) {
  const box = board.getBoundingClientRect();
  return {
    x: ((event.clientX - box.left) / box.width) * SIDE,
    y: ((event.clientY - box.top) / box.height) * SIDE,
  };
}

board.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  board.setPointerCapture(event.pointerId);
  begin(pointOf(event));
});
board.addEventListener("pointermove", (event) => {
  if (!board.hasPointerCapture(event.pointerId)) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  for (const move of moves.length ? moves : [event]) extend(pointOf(move));
});
board.addEventListener("lostpointercapture", announce);

board.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const [right, down] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
  if (right !== undefined) {
    const inside = (value) => Math.min(Math.max(value, PEN), SIDE - PEN);
    const from = pen;
    pen = { x: inside(pen.x + right * STEP), y: inside(pen.y + down * STEP) };
    if (event.shiftKey) {
      if (drawing.strokes.at(-1)?.at(-1) !== from) begin(from);
      extend(pen);
    }
    placePen();
  } else if (event.key === "Backspace") undo();
  else if (event.key === "Delete") clear();
  else return;
  event.preventDefault();
});
board.addEventListener("keyup", (event) => event.key === "Shift" && announce());
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
  if (event.key === "Escape") pin(null);
});
element("undo").addEventListener("click", undo);
element("clear").addEventListener("click", clear);

function placePen() {
  element("pen").style.left = `${(100 * pen.x) / SIDE}%`;
  element("pen").style.top = `${(100 * pen.y) / SIDE}%`;
}

// The network

/** Answer the drawing with the next frame, however often it changes before. */
function refresh() {
  if (refresh.frame) return;
  refresh.frame = requestAnimationFrame(() => {
    refresh.frame = 0;
    answers = images().map((x) => {
      const sums = forward(NETWORK, x);
      return { x, sums, probabilities: softmax(sums[LAST]) };
    });
    seen = answers.at(-1) ?? null;
    render();
  });
}

/** Return the test image, or the images that tools.predict prepares from the reduced drawing. */
function images() {
  refusal = "nothing drawn yet";
  if (drawing.sample) return [drawing.sample.x];
  if (!drawing.strokes.length) return [];
  try {
    copy.drawImage(board, 0, 0, COPY_SIDE, COPY_SIDE);
    const { data } = copy.getImageData(0, 0, COPY_SIDE, COPY_SIDE);
    const values = new Uint8Array(COPY_SIDE * COPY_SIDE);
    for (let i = 0; i < values.length; i++) values[i] = data[4 * i]; // red, as the others
    const confidence = (x) => Math.max(...softmax(forward(NETWORK, x)[LAST]));
    return PREPARATIONS[DATA.preparation]({ values, width: COPY_SIDE, height: COPY_SIDE }, confidence);
  } catch (error) {
    refusal = error.message;
    return [];
  }
}

/** Return the classes, the likeliest first. */
function ranked({ probabilities }) {
  return CLASSES.map((name, unit) => ({ name, unit, share: probabilities[unit] })).sort(
    (a, b) => b.share - a.share,
  );
}

// The views

const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
const decimal = (value) => value.toFixed(2).replace("-", "−");
let colors;

/** Read the colours of the theme, each scale as a list. */
function readColors() {
  const style = getComputedStyle(document.documentElement);
  const color = (name) => style.getPropertyValue(`--${name}`).trim();
  const between = (from, to, share) => {
    const channel = (start) =>
      [from, to].map((text) => parseInt(text.slice(start, start + 2), 16));
    const mixed = [1, 3, 5].map(channel).map(([a, b]) => Math.round(a + (b - a) * share));
    return `rgb(${mixed})`;
  };
  const steps = Array.from({ length: 65 }, (_, i) => i / 64);
  const scale = (from, to) => steps.map((share) => between(color(from), color(to), share));
  colors = {
    ink: scale("card", "ink"),
    lit: scale("off", "lit"),
    signed: [...scale("neither", "against").reverse(), ...scale("neither", "for")],
    accent: color("accent"),
    outline: color("ink"),
  };
}

/** Return as many columns as leave the rows full and at most as many, if that is not too wide. */
function columnsOf(count) {
  const root = Math.ceil(Math.sqrt(count));
  for (let columns = root; columns <= 2 * root; columns++) if (count % columns === 0) return columns;
  return root;
}

/** Paint each value as a square, in the colour of scale at its share (in [0, 1]). */
function paint(canvas, shares, scale, gap) {
  const columns = columnsOf(shares.length);
  const cell = Math.max(4, Math.round(560 / columns));
  canvas.width = columns * cell;
  canvas.height = Math.ceil(shares.length / columns) * cell;
  const context = canvas.getContext("2d");
  const space = gap * cell;
  shares.forEach((share, i) => {
    context.fillStyle = scale[Math.round(share * (scale.length - 1))];
    const [x, y] = [(i % columns) * cell, Math.floor(i / columns) * cell];
    context.fillRect(x + space / 2, y + space / 2, cell - space, cell - space);
  });
  return { context, columns, cell };
}

/** Paint numbers of either sign, and return the largest in absolute value. */
function paintSigned(canvas, values, gap) {
  const limit = values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) || 1;
  const shares = Array.from(values, (value) => (value / limit + 1) / 2);
  return { limit, ...paint(canvas, shares, colors.signed, gap) };
}

/** Draw a line around all that is inked. */
function outline({ context, cell }, x) {
  const inked = (column, row) => column >= 0 && column < 28 && x[row * 28 + column] > 0.5;
  context.beginPath();
  for (let row = 0; row <= 28; row++) {
    for (let column = 0; column <= 28; column++) {
      const here = inked(column, row);
      const [left, top] = [column * cell, row * cell];
      if (here !== inked(column - 1, row)) context.rect(left - 1, top, 2, cell);
      if (here !== inked(column, row - 1)) context.rect(left, top - 1, cell, 2);
    }
  }
  context.fillStyle = colors.outline;
  context.fill();
}

const nameOf = (depth) => (depth < 0 ? "x" : depth < LAST ? `h<sub>${depth + 1}</sub>` : "z");
const sumOf = (depth) =>
  `${depth < LAST ? "y" : "z"} = ${nameOf(depth - 1)} W<sub>${depth + 1}</sub> + b<sub>${depth + 1}</sub>`;

const layers = NETWORK.slice(0, -1).map(({ bias }, depth) => {
  const section = element("layer").content.cloneNode(true).firstElementChild;
  const canvas = section.querySelector("canvas");
  const [sum, output] = section.querySelectorAll(".equation span");
  section.querySelector("h2").innerHTML = `Layer ${depth + 1} <var>${nameOf(depth)}</var>`;
  sum.innerHTML = sumOf(depth);
  output.innerHTML = `${nameOf(depth)} = max(y, 0)`;
  canvas.ariaLabel = `Units of layer ${depth + 1}`;
  canvas.ariaValueMax = bias.length;
  element("layers").append(section);

  const layer = { canvas, note: section.querySelector(".note"), unit: 0 };
  const columns = columnsOf(bias.length);
  const point = (unit) => {
    layer.unit = Math.min(Math.max(unit, 0), bias.length - 1);
    pointAt({ depth, unit: layer.unit });
  };
  const under = (event) => {
    const cell = canvas.clientWidth / columns;
    const column = Math.min(Math.floor(event.offsetX / cell), columns - 1);
    return Math.floor(event.offsetY / cell) * columns + column;
  };
  canvas.addEventListener("pointermove", (event) => point(under(event)));
  canvas.addEventListener("pointerleave", () => pointAt(null));
  canvas.addEventListener("click", (event) => pin({ depth, unit: layer.unit }, point(under(event))));
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && point(layer.unit));
  canvas.addEventListener("blur", () => pointAt(null));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step) point(layer.unit + step);
    else if (event.key === "Home") point(0);
    else if (event.key === "End") point(bias.length - 1);
    else if (event.key === "Enter") pin({ depth, unit: layer.unit });
    else return;
    event.preventDefault();
  });
  return layer;
});

const classes = CLASSES.map((name, unit) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "class";
  button.innerHTML = '<span class="name"></span><span class="bar"></span><span class="share"></span>';
  button.firstElementChild.textContent = name;
  const me = { depth: LAST, unit };
  button.addEventListener("pointerenter", () => pointAt(me));
  button.addEventListener("pointerleave", () => pointAt(null));
  button.addEventListener("focus", () => button.matches(":focus-visible") && pointAt(me));
  button.addEventListener("blur", () => pointAt(null));
  button.addEventListener("click", () => pin(me));
  element("classes").append(button);
  return button;
});

const samples = SAMPLES.map((sample) => {
  const { label, predicted } = sample;
  const button = document.createElement("button");
  const canvas = document.createElement("canvas");
  const wrong = label !== predicted;
  button.type = "button";
  button.className = wrong ? "sample wrong" : "sample";
  [canvas.width, canvas.height] = [28, 28];
  canvas.getContext("2d").fillStyle = "white";
  canvas.getContext("2d").fillRect(0, 0, 28, 28);
  drawSample(canvas.getContext("2d"), sample, 1);
  button.append(canvas, wrong ? `${CLASSES[label]} ✗ ${CLASSES[predicted]}` : CLASSES[label]);
  button.ariaLabel = wrong
    ? `${CLASSES[label]}, mistaken for ${CLASSES[predicted]}`
    : CLASSES[label];
  button.addEventListener("click", () => {
    show({ strokes: [], sample });
    announce();
  });
  element("samples").append(button);
  return button;
});

function pointAt(place) {
  pointed = place;
  render();
}

function pin(place) {
  const same = place && pinned && place.depth === pinned.depth && place.unit === pinned.unit;
  pinned = same ? null : place;
  render();
  if (pinned) element("unit").scrollIntoView({ block: "nearest" });
}

function render() {
  const order = seen && ranked(seen);
  const chosen = pointed ?? pinned ?? (order ? { depth: LAST, unit: order[0].unit } : { depth: 0, unit: 0 });
  element("hint").hidden = drawing.strokes.length > 0 || drawing.sample !== null;
  element("undo").disabled = !earlier.length;
  element("clear").disabled = !drawing.strokes.length && !drawing.sample;
  samples.forEach((button, i) => (button.ariaPressed = SAMPLES[i] === drawing.sample));
  paint(element("image"), seen?.x ?? new Float32Array(784), colors.ink, 0);
  element("prepared").textContent = drawing.sample
    ? "The test image as it is."
    : PREPARED[DATA.preparation];
  renderLayers(chosen);
  renderClasses(order, chosen);
  renderUnit(chosen);
}

function renderLayers(chosen) {
  layers.forEach(({ canvas, note, unit }, depth) => {
    const h = seen ? relu(seen.sums[depth]) : new Float32Array(NETWORK[depth].bias.length);
    const largest = h.reduce((a, b) => Math.max(a, b));
    const shares = h.map((value) => value / (largest || 1));
    const { context, columns, cell } = paint(canvas, shares, colors.lit, 0.12);
    note.textContent = `${h.length} units` + (seen ? `, the brightest ${decimal(largest)}` : "");
    canvas.ariaValueNow = unit + 1;
    canvas.ariaValueText = `unit ${unit + 1}: ${seen ? decimal(h[unit]) : "nothing drawn"}`;
    if (chosen.depth === depth) {
      Object.assign(context, { strokeStyle: colors.accent, lineWidth: Math.max(3, 0.1 * cell) });
      const [x, y] = [chosen.unit % columns, Math.floor(chosen.unit / columns)];
      context.strokeRect((x + 0.05) * cell, (y + 0.05) * cell, 0.9 * cell, 0.9 * cell);
    }
  });
}

function renderClasses(order, chosen) {
  const [name, share] = element("answer").children;
  name.textContent = answers.map((answer) => ranked(answer)[0].name).join(" ");
  share.textContent = order ? percent(order[0].share) : refusal;
  if (answers.length > 1) share.textContent = `${answers.length} marks; the last is shown`;
  element("answer").style.setProperty("--size", name.textContent.length > 3 ? "2rem" : "4rem");
  classes.forEach((button, unit) => {
    const probability = seen?.probabilities[unit] ?? 0;
    button.style.setProperty("--p", probability);
    button.lastElementChild.textContent = seen ? percent(probability) : "–";
    button.ariaPressed = chosen.depth === LAST && chosen.unit === unit;
  });
}

/** Show the weights into a unit, and the pixels that speak for and against it. */
function renderUnit({ depth, unit }) {
  const layer = NETWORK[depth];
  const isClass = depth === LAST;
  const letter = isClass ? "z" : "y";
  element("loss").textContent = letter;
  const title = isClass ? `Class ${CLASSES[unit]}` : `Unit ${unit + 1} of layer ${depth + 1}`;
  element("unit-title").textContent = title;

  const w = incoming(layer, unit);
  const weights = paintSigned(element("weights"), w, depth ? 0.12 : 0);
  if (seen && !depth) outline(weights, seen.x);
  element("weights").ariaLabel = `The weights into ${title}`;
  element("weights-caption").textContent = depth
    ? `Its weights: one for each unit of layer ${depth}, in the same place as there; the largest ±${decimal(weights.limit)}.`
    : `Its weights: one for each pixel; the largest ±${decimal(weights.limit)}.`;

  const hasGradient = seen !== null && depth > 0;
  element("gradient-figure").hidden = element("chain").hidden = !hasGradient;
  element("decomposition").hidden = !seen;
  if (hasGradient) {
    const slope = gradient(NETWORK, seen.sums, depth, unit);
    const painted = paintSigned(element("gradient"), slope, 0);
    outline(painted, seen.x);
    element("gradient").ariaLabel = `The pixels that speak for and against ${title}`;
    element("gradient-caption").textContent = `∂${letter}/∂x: how much ink in each pixel would raise ${letter} or lower it; the largest ±${decimal(painted.limit)}.`;
    const given = slope.reduce((sum, value, i) => sum + value * seen.x[i], 0);
    element("decomposition").textContent = `The ink gives Σ x ∂${letter}/∂x = ${decimal(given)} of it, the biases the rest.`;
  } else if (seen) {
    element("decomposition").textContent = "Its weights are ∂y/∂x: they are the pixels that speak for and against it.";
  }
  if (seen) {
    const value = seen.sums[depth][unit];
    const bias = layer.bias[unit];
    const end = isClass
      ? `p = ${percent(seen.probabilities[unit])}`
      : `the unit's output is max(y, 0) = ${decimal(Math.max(value, 0))}`;
    element("sum").textContent = `${letter} = ${decimal(value - bias)} ${bias < 0 ? "−" : "+"} ${decimal(Math.abs(bias))} = ${decimal(value)}, ${end}.`;
  } else element("sum").textContent = "Draw to see the network's result.";
  element("unpin").hidden = !pinned;
}

/** Announce the answer to screen readers. */
function announce() {
  requestAnimationFrame(() => {
    const said = answers.map((answer) => {
      const [first, second] = ranked(answer);
      return `Most likely ${first.name}, ${percent(first.share)}; then ${second.name}, ${percent(second.share)}.`;
    });
    element("status").textContent = said.join(" ") || `No answer: ${refusal}.`;
  });
}

element("unpin").addEventListener("click", () => pin(null));
const longest = Math.max(...CLASSES.map((name) => name.length));
element("classes").style.setProperty("--names", `${Math.min(longest + 1, 11)}ch`);
element("sizes").textContent = [784, ...NETWORK.map(({ bias }) => bias.length)].join(" → ");
element("accuracy").textContent = `${(100 * DATA.right / DATA.images).toFixed(2)} % of ${DATA.images.toLocaleString("en")} test images right`;
element("logits").innerHTML = sumOf(LAST);
element("code").textContent = [gradient, timesTransposed].join("\n\n");
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColors();
  render();
});
readColors();
placePen();
redraw();
