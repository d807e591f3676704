// The page: the network's answers to the drawing, and the views that show them.
"use strict";

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
const [PREPARED, UNLIKELY] = {
  centred: ["Each digit fitted into 20 × 20 pixels, its centre of mass in the middle.", "probably no digit"],
  framed: ["The drawing fitted into 28 × 28 pixels, light on dark.", "probably none of the classes"],
}[DATA.preparation];

const COPY_SIDE = 96; // of the reduced copy that is read, so that an answer takes less than a frame
const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
copy.canvas.width = copy.canvas.height = COPY_SIDE;
copy.imageSmoothingQuality = "high";

let answers = []; // {x, sums, probabilities} of each mark that was found, from left to right
let seen = null; // the one that is shown
let leftOut = ""; // marks that are too small beside the others
let refusal = ""; // why there is no answer
let pointed = null; // {depth, unit} under the pointer or the focus
let pinned = null; // {depth, unit} that was clicked

// The network

/** Answer the drawing with the next frame, however often it changes before. */
function refresh() {
  if (refresh.frame) return;
  refresh.frame = requestAnimationFrame(() => {
    refresh.frame = 0;
    const found = images();
    leftOut = found.leftOut ? `${found.leftOut} smaller mark${found.leftOut > 1 ? "s" : ""} left out` : "";
    answers = found.map((x) => {
      const sums = forward(NETWORK, x);
      return { x, sums, probabilities: softmax(sums[LAST].map((z) => z / DATA.temperature)) };
    });
    seen = answers.at(-1) ?? null;
    showMarks();
    render();
  });
}

/** Return the test image, or the images that are prepared from the reduced drawing. */
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

const isLikely = ({ probabilities }) => Math.max(...probabilities) >= DATA.likely;

// The views

const nameOf = (depth) => (depth < 0 ? "x" : depth < LAST ? `h${subscript(depth)}` : "z");
const subscript = (depth) => String(depth + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[digit]);
const sumOf = (depth) =>
  `${depth < LAST ? "y" : "z"} = ${nameOf(depth - 1)} W${subscript(depth)} + b${subscript(depth)}`;

/** Show the place under the pointer, or that of the keyboard's focus, in the panel; a click pins it. */
function explore(view, move, under, focused) {
  view.addEventListener(move, (event) => pointAt(under(event)));
  view.addEventListener("pointerleave", () => pointAt(null));
  view.addEventListener("click", (event) => pin(under(event), view));
  view.addEventListener("focus", () => view.matches(":focus-visible") && pointAt(focused()));
  view.addEventListener("blur", () => pointAt(null));
}

const layers = NETWORK.slice(0, -1).map(({ bias }, depth) => {
  const section = element("layer").content.cloneNode(true).firstElementChild;
  const canvas = section.querySelector("canvas");
  const [sum, output] = section.querySelectorAll(".equation");
  section.querySelector("h2").innerHTML = `Layer ${depth + 1} <var>${nameOf(depth)}</var>`;
  sum.textContent = sumOf(depth);
  output.textContent = `${nameOf(depth)} = max(y, 0)`;
  canvas.ariaLabel = `Units of layer ${depth + 1}`;
  canvas.ariaValueMax = bias.length;
  element("output").before(section);

  const layer = { canvas, note: section.querySelector(".note"), unit: 0 };
  const columns = columnsOf(bias.length);
  const point = (unit) => {
    layer.unit = Math.min(Math.max(unit, 0), bias.length - 1);
    return { depth, unit: layer.unit };
  };
  explore(canvas, "pointermove", (event) => {
    const cell = canvas.clientWidth / columns;
    const [column, row] = [event.offsetX, event.offsetY].map((at) => Math.floor(at / cell));
    return point(row * columns + Math.min(column, columns - 1));
  }, () => point(layer.unit));
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    if (step) pointAt(point(layer.unit + step));
    else if (event.key === "Home") pointAt(point(0));
    else if (event.key === "End") pointAt(point(bias.length - 1));
    else if (event.key === "Enter") pin(point(layer.unit), canvas);
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
  const me = () => ({ depth: LAST, unit });
  explore(button, "pointerenter", me, me);
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
  drawSample(canvas.getContext("2d"), sample, 1);
  button.append(canvas, wrong ? `${CLASSES[label]} ✗ ${CLASSES[predicted]}` : CLASSES[label]);
  if (wrong) button.ariaLabel = `${CLASSES[label]}, mistaken for ${CLASSES[predicted]}`;
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

/** Keep a place in the panel until it is chosen again, and its view beside the panel. */
function pin(place, view) {
  const same = place && pinned && place.depth === pinned.depth && place.unit === pinned.unit;
  pinned = same ? null : place;
  render();
  if (pinned) view.scrollIntoView({ block: "nearest" });
}

/** Write the class of each mark; where there are several, each is a button that shows its own. */
function showMarks() {
  const several = answers.length > 1;
  const names = answers.map((answer) => {
    const name = document.createElement(several ? "button" : "strong");
    name.textContent = ranked(answer)[0].name + (isLikely(answer) ? "" : "?");
    if (several) {
      name.type = "button";
      name.addEventListener("click", () => {
        seen = answer;
        render();
      });
    }
    return name;
  });
  element("marks").replaceChildren(...names);
  const length = names.reduce((sum, name) => sum + name.textContent.length, 0);
  element("answer").classList.toggle("long", length > 4);
}

function render() {
  const order = seen && ranked(seen);
  const chosen = pointed ?? pinned ?? { depth: LAST, unit: order ? order[0].unit : 0 };
  element("hint").hidden = drawing.sample || drawing.strokes.some(({ points }) => points.length > 1);
  element("undo").disabled = !earlier.length;
  element("clear").disabled = !drawing.strokes.length && !drawing.sample;
  samples.forEach((button, i) => (button.ariaPressed = SAMPLES[i] === drawing.sample));
  paint(element("image"), seen?.x ?? new Float32Array(784), ["card", "ink"], { limit: 1 });
  element("prepared").textContent = drawing.sample ? "The test image as it is." : PREPARED;
  renderAnswer(order);
  renderLayers(chosen);
  renderClasses(chosen);
  renderUnit(chosen);
}

function renderAnswer(order) {
  if (answers.length > 1) {
    answers.forEach((answer, i) => (element("marks").children[i].ariaPressed = answer === seen));
  }
  const share = order && percent(order[0].share);
  element("verdict").textContent = !seen ? refusal : isLikely(seen) ? share : `${UNLIKELY} (${share})`;
  const second = order?.[1] ? `then ${order[1].name}, ${percent(order[1].share)}` : "";
  element("second").textContent = [second, leftOut].filter(Boolean).join("; ");
}

function renderLayers(chosen) {
  layers.forEach(({ canvas, note, unit }, depth) => {
    const h = seen ? relu(seen.sums[depth]) : new Float32Array(NETWORK[depth].bias.length);
    const { context, columns, cell, limit } = paint(canvas, h, ["off", "lit"], { gap: 0.12 });
    note.textContent = `${h.length} units` + (seen ? `, the brightest ${decimal(limit)}` : "");
    canvas.ariaValueNow = unit + 1;
    canvas.ariaValueText = `unit ${unit + 1}: ${seen ? decimal(h[unit]) : "nothing drawn"}`;
    if (chosen.depth === depth) {
      Object.assign(context, { strokeStyle: color("accent"), lineWidth: Math.max(3, 0.1 * cell) });
      const [x, y] = [chosen.unit % columns, Math.floor(chosen.unit / columns)];
      context.strokeRect((x + 0.05) * cell, (y + 0.05) * cell, 0.9 * cell, 0.9 * cell);
    }
  });
}

function renderClasses(chosen) {
  classes.forEach((button, unit) => {
    const probability = seen?.probabilities[unit] ?? 0;
    button.style.setProperty("--p", probability);
    button.lastElementChild.textContent = seen ? percent(probability) : "–";
    button.ariaPressed = chosen.depth === LAST && chosen.unit === unit;
  });
}

/** Announce the answer to screen readers. */
function announce() {
  requestAnimationFrame(() => {
    const said = answers.map((answer) => {
      const [first, second] = ranked(answer).map(({ name, share }) => `${name}, ${percent(share)}`);
      return `${isLikely(answer) ? "Most" : `${UNLIKELY}; most`} likely ${first}; then ${second}.`;
    });
    if (leftOut) said.push(`${leftOut}.`);
    element("status").textContent = said.join(" ") || `No answer: ${refusal}.`;
  });
}

element("unpin").addEventListener("click", () => pin(null));
document.addEventListener("keydown", (event) => event.key === "Escape" && pin(null));
const longest = Math.max(...CLASSES.map((name) => name.length));
element("classes").style.setProperty("--names", `${Math.min(longest + 1, 11)}ch`);
const sizes = [784, ...NETWORK.map(({ bias }) => bias.length)].join(" → ");
const right = `${((100 * DATA.right) / DATA.images).toFixed(2)} % of ${DATA.images.toLocaleString("en")}`;
element("sizes").textContent = `${sizes} units, ${right} test images right`;
element("logits").textContent = sumOf(LAST);
const power = DATA.temperature === 1 ? "exp(z)" : `exp(z / ${decimal(DATA.temperature)})`;
element("softmax").textContent = `p = ${power} / Σ ${power}`;
matchMedia("screen and (prefers-color-scheme: dark)").addEventListener("change", render);
redraw();
