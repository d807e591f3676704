// Making of a drawing an image as MNIST's are, exactly as tools/pictures.py does.

const IMAGE_SIDE = 28;
const DIGIT_SIDE = 20;
const INK = Math.fround(0.2);

/**
 * Fit a digit into 20 × 20 and place it in 28 × 28 by its centre of mass.
 *
 * ink: of each pixel, in [0, 1], row after row. Returns an image, or null where there is no ink.
 */
function center(ink, width, height) {
  const box = bounds(ink, width, height);
  if (!box) return null;
  const scale = DIGIT_SIDE / Math.max(box.width, box.height);
  const columns = Math.max(1, roundHalfToEven(scale * box.width));
  const rows = Math.max(1, roundHalfToEven(scale * box.height));
  const wide = resizeRows(cut(ink, width, box), box.width, columns);
  const small = transpose(resizeRows(transpose(wide, columns), box.height, rows), rows);
  return pasteByMass(small, columns, rows);
}

/** Return the smallest box that holds all ink. */
function bounds(ink, width, height) {
  let [left, right, top, bottom] = [width, -1, height, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (ink[y * width + x] <= INK) continue;
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), y];
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
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
      const mean = weights.reduce((a, w, i) => a + (w / sum) * pixels[row * width + first + i], 0);
      resized[row * columns + column] = mean;
    }
  }
  return resized;
}

function transpose(pixels, width) {
  const height = pixels.length / width;
  return pixels.map((_, i) => pixels[(i % height) * width + Math.floor(i / height)]);
}

/** Place a digit so that its centre of mass is at the image's pixel 14, counted from 0. */
function pasteByMass(digit, width, height) {
  let [mass, massX, massY] = [0, 0, 0];
  digit.forEach((value, i) => {
    mass += value;
    massX += value * (i % width);
    massY += value * Math.floor(i / width);
  });
  const place = (middle, length) =>
    Math.min(Math.max(roundHalfToEven(IMAGE_SIDE / 2 - middle), 0), IMAGE_SIDE - length);
  const [left, top] = [place(massX / mass, width), place(massY / mass, height)];
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
