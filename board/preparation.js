// Making of a drawing an image as MNIST's are, exactly as tools/pictures.py does: where Python
// computes with float32, so do Float32Array and Math.fround.

const [IMAGE_SIDE, DIGIT_SIDE] = [28, 20];
const INK = Math.fround(0.2);
const CONTRAST = Math.fround(0.1);

/**
 * Fit a digit into 20 × 20 and place it in 28 × 28 by its centre of mass.
 *
 * bytes: the brightness of each pixel, row after row. Throws an Error that says why it cannot.
 */
function prepare(bytes, width, height) {
  const ink = inkOf(bytes, width, height);
  const box = bounds(ink, width, height);
  const scale = DIGIT_SIDE / Math.max(box.width, box.height);
  const columns = Math.max(1, roundHalfToEven(scale * box.width));
  const rows = Math.max(1, roundHalfToEven(scale * box.height));
  const wide = resizeRows(cut(ink, width, box), box.width, columns);
  const small = transpose(resizeRows(transpose(wide, columns), box.height, rows), rows);
  return pasteByMass(small, columns, rows);
}

/** Return how far each pixel is from the paper, which the border mostly shows; the furthest as 1. */
function inkOf(bytes, width, height) {
  const ink = new Float32Array(bytes.length);
  for (let i = 0; i < ink.length; i++) ink[i] = bytes[i] / 255;
  const border = [];
  for (let x = 0; x < width; x++) border.push(ink[x], ink[(height - 1) * width + x]);
  for (let y = 0; y < height; y++) border.push(ink[y * width], ink[(y + 1) * width - 1]);
  border.sort((a, b) => a - b);
  const middle = border.length / 2; // of an even number
  const paper = Math.fround((border[middle - 1] + border[middle]) / 2);

  let furthest = 0;
  for (let i = 0; i < ink.length; i++) {
    ink[i] = Math.abs(ink[i] - paper);
    if (ink[i] > furthest) furthest = ink[i];
  }
  if (furthest < CONTRAST) throw new Error("shows nothing that stands out from its background");
  for (let i = 0; i < ink.length; i++) ink[i] /= furthest;
  return ink;
}

/** Return the smallest box that holds all ink. */
function bounds(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] <= INK) continue;
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      bottom = y;
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function cut(ink, width, box) {
  const part = new Float32Array(box.width * box.height);
  for (let y = 0; y < box.height; y++) {
    const start = (box.top + y) * width + box.left;
    part.set(ink.subarray(start, start + box.width), y * box.width);
  }
  return part;
}

/** Resize each row as Pillow does: the mean of the pixels under a triangle. */
function resizeRows(pixels, width, columns) {
  const scale = width / columns;
  const reach = Math.max(scale, 1);
  const rows = pixels.length / width;
  const resized = new Float32Array(rows * columns);
  for (let column = 0; column < columns; column++) {
    const middle = (column + 0.5) * scale;
    const first = Math.max(Math.floor(middle - reach + 0.5), 0);
    const end = Math.min(Math.floor(middle + reach + 0.5), width);
    const weights = [];
    for (let x = first; x < end; x++) {
      weights.push(Math.max(1 - Math.abs((x - middle + 0.5) / reach), 0));
    }
    const sum = weights.reduce((a, b) => a + b);
    for (let row = 0; row < rows; row++) {
      const start = row * width + first;
      let mean = 0;
      for (let i = 0; i < weights.length; i++) mean += (weights[i] / sum) * pixels[start + i];
      resized[row * columns + column] = mean;
    }
  }
  return resized;
}

function transpose(pixels, width) {
  const height = pixels.length / width;
  const transposed = new Float32Array(pixels.length);
  for (let x = 0, i = 0; x < width; x++) {
    for (let y = 0; y < height; y++) transposed[i++] = pixels[y * width + x];
  }
  return transposed;
}

/** Place a digit so that its centre of mass is at the image's pixel 14, counted from 0. */
function pasteByMass(digit, width, height) {
  const place = (length, massAt) => {
    const masses = Array.from({ length }, (_, i) => massAt(i));
    const mass = masses.reduce((a, b) => a + b);
    const middle = masses.reduce((sum, value, i) => sum + value * i, 0) / mass;
    return Math.min(Math.max(roundHalfToEven(IMAGE_SIDE / 2 - middle), 0), IMAGE_SIDE - length);
  };
  const columns = transpose(digit, width);
  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const left = place(width, (x) => sum(columns.subarray(x * height, (x + 1) * height)));
  const top = place(height, (y) => sum(digit.subarray(y * width, (y + 1) * width)));
  const image = new Float32Array(IMAGE_SIDE ** 2);
  for (let y = 0; y < height; y++) {
    image.set(digit.subarray(y * width, (y + 1) * width), (top + y) * IMAGE_SIDE + left);
  }
  return image;
}

/** Round as Python does. */
function roundHalfToEven(value) {
  const down = Math.floor(value);
  const odd = Math.abs(down % 2);
  return value - down === 0.5 ? down + odd : Math.round(value);
}
