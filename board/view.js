// Shared by the views: elements, numbers as text, arrays as pictures.
"use strict";

const element = (id) => document.getElementById(id);
const percent = (share) => `${(100 * share).toFixed(1)}\u00a0%`;
const round = (value) => Math.round(100 * value) / 100 + 0; // + 0: no −0
const decimal = (value) => round(value).toFixed(2).replace("-", "−");
const largestOfAll = (values) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

/** Return a colour of the theme, a variable of style.css. */
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`);

/** Return at most as many columns as leave all rows full, if that is not too wide. */
function columnsOf(count) {
  const root = Math.ceil(Math.sqrt(count));
  for (let columns = root; columns <= 2 * root; columns++) if (count % columns === 0) return columns;
  return root;
}

/** Paint numbers as squares: the nearer to limit, the more of the colour of their sign. */
function paint(canvas, values, [zero, positive, negative], { limit = largestOfAll(values), gap = 0 } = {}) {
  const columns = columnsOf(values.length);
  const cell = Math.max(4, Math.round(560 / columns));
  const side = cell * (1 - gap);
  canvas.width = columns * cell;
  canvas.height = Math.ceil(values.length / columns) * cell;
  const context = canvas.getContext("2d");
  const colors = [zero, positive, negative].map((name) => name && color(name));
  values.forEach((value, i) => {
    const [x, y] = [i % columns, Math.floor(i / columns)].map((at) => (at + gap / 2) * cell);
    const square = (style, alpha) => {
      Object.assign(context, { fillStyle: style, globalAlpha: alpha });
      context.fillRect(x, y, side, side);
    };
    square(colors[0], 1);
    if (value) square(colors[value > 0 ? 1 : 2], Math.abs(value) / limit);
  });
  context.globalAlpha = 1;
  return { context, columns, cell, limit };
}

/** Draw a line around the pixels of a painted image that are inked. */
function outline({ context, cell }, x) {
  const inked = (column, row) => column >= 0 && column < 28 && x[row * 28 + column] > 0.5;
  const line = cell / 6;
  context.fillStyle = color("ink");
  for (let row = 0; row <= 28; row++) {
    for (let column = 0; column <= 28; column++) {
      const here = inked(column, row);
      const [left, top] = [column * cell, row * cell];
      if (here !== inked(column - 1, row)) context.fillRect(left - line / 2, top, line, cell);
      if (here !== inked(column, row - 1)) context.fillRect(left, top - line / 2, cell, line);
    }
  }
}
