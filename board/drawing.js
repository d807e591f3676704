// The drawing: a test image, or strokes of the mouse, a finger, a pen or the keyboard.
"use strict";

const board = element("board");
const SIDE = board.width;
const STEP = SIDE / 28; // of the arrow keys
const ink = board.getContext("2d");

// A drawing is replaced and never changed, so that undoing is going back to an earlier one.
let drawing = { strokes: [], sample: null };
const earlier = [];
let cursor = { x: SIDE / 2, y: SIDE / 2 }; // of the keyboard

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
  for (const { points, width } of drawing.strokes) {
    points.forEach((point, i) => drawLine(points[Math.max(i - 1, 0)], point, width));
  }
  refresh();
}

function drawLine(from, to, lineWidth) {
  Object.assign(ink, { strokeStyle: "black", lineWidth, lineCap: "round" });
  ink.beginPath();
  ink.moveTo(from.x, from.y);
  ink.lineTo(to.x, to.y + 0.01); // no length, no dot
  ink.stroke();
}

function drawSample(context, { x }, cell) {
  x.forEach((value, i) => {
    context.fillStyle = `rgb(0 0 0 / ${value})`;
    context.fillRect((i % 28) * cell, Math.floor(i / 28) * cell, cell, cell);
  });
}

function begin(point) {
  const width = SIDE / document.querySelector(".pen:checked").value;
  show({ strokes: [...drawing.strokes, { points: [point], width }], sample: null });
}

function extend(point) {
  const { points, width } = drawing.strokes.at(-1);
  drawLine(points.at(-1), point, width);
  points.push(point);
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
board.addEventListener("lostpointercapture", () => announce());
// where text is selected, the browser would drag the selection and take the pointer away
document.addEventListener("dragstart", (event) => event.preventDefault());

board.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  if (event.key in arrows) {
    const [right, down] = arrows[event.key];
    const inside = (value) => Math.min(Math.max(value, SIDE / 12), SIDE - SIDE / 12);
    const from = cursor;
    cursor = { x: inside(cursor.x + right * STEP), y: inside(cursor.y + down * STEP) };
    if (event.shiftKey) {
      if (drawing.strokes.at(-1)?.points.at(-1) !== from) begin(from);
      extend(cursor);
    }
    placeCursor();
  } else if (event.key === "Backspace") undo();
  else if (event.key === "Delete") clear();
  else return;
  event.preventDefault();
});
board.addEventListener("keyup", (event) => event.key === "Shift" && announce());
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
});
element("undo").addEventListener("click", undo);
element("clear").addEventListener("click", clear);

function placeCursor() {
  element("cursor").style.left = `${(100 * cursor.x) / SIDE}%`;
  element("cursor").style.top = `${(100 * cursor.y) / SIDE}%`;
}
placeCursor();
