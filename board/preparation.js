// Preparation of a drawing, in black on white with a pen of known width, as tools/preparation.py
// prepares a picture of it. An array is {values, width, height}, its values row after row.

const [IMAGE_SIDE, DIGIT_SIDE, PENS] = [28, 20, 12]; // the drawing is as wide as 12 pens
const [STROKE, BLOT, WIDEST, SMALLER] = [2.5, 10, 2, 0.32];
const [PIECE, NEAR, NEAR_PIECE, BROKEN] = [0.35, 0.25, 0.35, 0.05];
const [NARROW, BROKEN_WIDEST, TALLER, SURE] = [0.8, 1.2, 1.4, 0.9];
const PREPARATIONS = { centred: prepareCentred, framed: prepareFramed };

/**
 * Find the digits in a drawing of bytes, and fit and centre each. Two marks are joined where one
 * digit is likelier by the confidence, the highest probability of an image. Returns the images, and
 * the number of marks left out; throws an Error if there is no digit.
 */
function prepareCentred(drawing, confidence = () => 1) {
  const pen = drawing.width / PENS;
  const ink = inkOf(drawing);
  const judge = (mark) => (mark.confidence ??= confidence(imageOf(mark, ink, pen)));
  const isDigit = ({ width, height, longest }) =>
    width <= WIDEST * height && pen <= (BLOT / DIGIT_SIDE) * longest;
  const marks = join(findMarks(ink), judge, isDigit);
  const tallest = Math.max(...marks.filter(isDigit).map(({ height }) => height));
  const digits = marks.filter((mark) => isDigit(mark) && mark.height >= SMALLER * tallest);
  if (!digits.length) throw new Error("no digit, only a dot or a dash");
  const images = inReadingOrder(digits).map((mark) => imageOf(mark, ink, pen));
  return Object.assign(images, { leftOut: marks.length - digits.length });
}

/** Fit one thing into the frame, light on dark. */
function prepareFramed(drawing) {
  const ink = inkOf(drawing);
  const small = fit(crop(ink, markOf(pixelsAbove(ink, 0.1), ink.width)), IMAGE_SIDE);
  const before = (length) => Math.floor((IMAGE_SIDE - length) / 2);
  return [place(small, before(small.width), before(small.height))];
}

const array = (width, height, valueAt) => {
  const values = Array.from({ length: width * height }, (_, i) => valueAt(i % width, Math.floor(i / width)));
  return { values, width, height };
};
const inkOf = ({ values, width, height }) => array(width, height, (x, y) => 1 - values[y * width + x] / 255);
const pixelsAbove = ({ values }, least) => values.flatMap((value, i) => (value > least ? [i] : []));
const addUp = (values) => values.reduce((a, b) => a + b, 0);

/** Return pixels that are read as one, and the box around them; rows are that many pixels apart. */
function markOf(pixels, step) {
  const [columns, rows] = [pixels.map((i) => i % step), pixels.map((i) => Math.floor(i / step))];
  const [left, top] = [Math.min(...columns), Math.min(...rows)];
  const [width, height] = [Math.max(...columns) - left + 1, Math.max(...rows) - top + 1];
  return { pixels, step, left, top, width, height, longest: Math.max(width, height) };
}

/** Return the connected parts of the ink; pixels that touch at a corner are connected. */
function findMarks(ink) {
  const left = new Set(pixelsAbove(ink, 0.5));
  const marks = [];
  for (const start of left) {
    const pixels = [start];
    left.delete(start);
    for (const pixel of pixels) {
      for (const row of [-ink.width, 0, ink.width]) {
        for (const i of [pixel + row - 1, pixel + row, pixel + row + 1]) {
          const isNear = Math.abs((i % ink.width) - (pixel % ink.width)) <= 1;
          if (isNear && left.delete(i)) pixels.push(i);
        }
      }
    }
    marks.push(markOf(pixels, ink.width));
  }
  return marks;
}

/** Join the parts of one digit, the nearest first. */
function join(marks, judge, isDigit) {
  const pairs = marks.flatMap((a, i) => marks.slice(0, i).map((b, j) => [distance(a, b), i, j]));
  pairs.sort((a, b) => a[0] - b[0]);
  let whole = [...marks]; // the mark that each is a part of
  for (const [apart, i, j] of [...pairs, ...pairs]) {
    const [a, b] = [whole[i], whole[j]];
    if (a === b) continue;
    const others = whole.filter((mark) => mark !== a && mark !== b && mark.height >= mark.width);
    const tallest = others.length ? Math.max(...others.map(({ height }) => height)) : Infinity;
    const joined = markOf([...a.pixels, ...b.pixels], a.step);
    if (areOne(a, b, joined, apart, tallest, judge, isDigit)) {
      whole = whole.map((mark) => (mark === a || mark === b ? joined : mark));
    }
  }
  return [...new Set(whole)];
}

/** Return the least distance between pixels of two marks, which are at their edges. */
function distance(a, b) {
  const [places, others] = [a, b].map(({ pixels, step }) => {
    const all = new Set(pixels);
    const edge = pixels.filter((i) => [-step, -1, 1, step].some((by) => !all.has(i + by)));
    return edge.map((i) => [i % step, Math.floor(i / step)]);
  });
  const nearest = ([x, y]) => Math.min(...others.map(([u, v]) => Math.hypot(x - u, y - v)));
  return Math.min(...places.map(nearest));
}

/** Tell whether two marks are parts of one digit. */
function areOne(a, b, joined, distance, tallest, judge, isDigit) {
  const [small, large] = a.height < b.height ? [a, b] : [b, a];
  const piece = small.height < PIECE * large.height || !isDigit(small);
  const apart = distance / Math.max(a.longest, b.longest);
  const widest = joined.height * (apart < BROKEN ? BROKEN_WIDEST : NARROW);
  const tooLarge = joined.width > widest || joined.height > TALLER * tallest;
  if (apart > (piece ? NEAR_PIECE : NEAR) || (tooLarge && !piece)) return false;
  if (piece) return judge(joined) >= Math.min(SURE, judge(large));
  const sideBySide = joined.height < TALLER * large.height;
  return judge(joined) >= SURE && (sideBySide || judge(joined) >= Math.min(judge(a), judge(b)));
}

/** Return the marks line by line, each from left to right. */
function inReadingOrder(marks) {
  const middle = ({ top, height }) => top + height / 2;
  const lines = [];
  for (const mark of [...marks].sort((a, b) => a.left - b.left)) {
    const isNear = (other) =>
      Math.abs(middle(mark) - middle(other)) < Math.max(mark.height, other.height) / 2;
    const line = lines.find((line) => isNear(line.at(-1)));
    if (line) line.push(mark);
    else lines.push([mark]);
  }
  return lines.sort((a, b) => middle(a[0]) - middle(b[0])).flat();
}

/** Return a mark as an image, its edges soft, and its strokes at least as thick as MNIST's. */
function imageOf({ pixels, longest }, ink, pen) {
  const radius = Math.max((STROKE / DIGIT_SIDE) * longest - pen, 0) / 2;
  const reach = Math.ceil(radius) + 1;
  const thick = array(ink.width + 2 * reach, ink.height + 2 * reach, () => 0);
  for (const i of pixels) {
    const [left, top] = [i % ink.width, Math.floor(i / ink.width)];
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        const apart = Math.hypot(x, y);
        const soft = apart < 2 ? (ink.values[i + y * ink.width + x] ?? 0) : 0;
        const value = radius ? Math.min(Math.max(radius + 1 - apart, soft), 1) : soft;
        const place = (top + reach + y) * thick.width + left + reach + x;
        thick.values[place] = Math.max(thick.values[place], value);
      }
    }
  }
  return center(crop(thick, markOf(pixelsAbove(thick, 0.5), thick.width)));
}

/** Fit a digit into 20 × 20 pixels, and place its centre of mass at pixel 14, counted from 0. */
function center(ink) {
  const { values, width, height } = fit(ink, DIGIT_SIDE);
  const start = (coordinateOf, length) => {
    const middle = addUp(values.map((value, i) => value * coordinateOf(i))) / addUp(values);
    return Math.min(Math.max(Math.floor(IMAGE_SIDE / 2 - middle + 0.5), 0), IMAGE_SIDE - length);
  };
  const left = start((i) => i % width, width);
  return place({ values, width, height }, left, start((i) => Math.floor(i / width), height));
}

/** Place an array in an image of 28 × 28. */
function place({ values, width }, left, top) {
  const image = new Float32Array(IMAGE_SIDE * IMAGE_SIDE);
  values.forEach((value, i) => (image[(top + Math.floor(i / width)) * IMAGE_SIDE + left + (i % width)] = value));
  return image;
}

/** Cut off all outside of the box of a mark. */
function crop({ values, width }, mark) {
  return array(mark.width, mark.height, (x, y) => values[(mark.top + y) * width + mark.left + x]);
}

/** Resample so that the longer side has that many pixels, and the proportions stay. */
function fit(ink, side) {
  const length = (old) => Math.max(1, Math.floor((side * old) / Math.max(ink.width, ink.height) + 0.5));
  return resampled(resampled(ink, length(ink.width)), length(ink.height));
}

/** Resample the rows bilinearly, which averages where it shrinks, and exchange rows and columns. */
function resampled({ values, width, height }, length) {
  const reach = Math.max(width / length, 1);
  return array(height, length, (y, column) => {
    const middle = ((column + 0.5) * width) / length - 0.5;
    let [sum, total] = [0, 0];
    for (let x = Math.max(Math.ceil(middle - reach), 0); x < Math.min(middle + reach, width); x++) {
      const weight = 1 - Math.abs(middle - x) / reach;
      [sum, total] = [sum + weight * values[y * width + x], total + weight];
    }
    return sum / total;
  });
}
