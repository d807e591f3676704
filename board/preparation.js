// Preparation of a drawing, as tools/preparation.py prepares a picture of it: the same functions, for
// a picture in shades of grey. An array is {values, width, height}, its values row after row.

const LONGEST = 256;
const [IMAGE_SIDE, DIGIT_SIDE] = [28, 20];
const [WINDOW, CONTRAST, LEVELS, TWO_CLASSES, CLEAN] = [0.3, 0.1, 3, 0.77, 0.85];
const [STROKE, BLOT, WIDEST, SMALLEST, MOST] = [2.5, 10, 2, 5, 50];
const NOTHING = "nothing stands out from the paper";
const PREPARATIONS = { centred: prepareCentred, framed: prepareFramed };

/** Find the digits in a picture of bytes, and fit and centre each; throws an Error if there is none. */
function prepareCentred(picture) {
  const { ink, mask } = findInk(contrast(reduce(picture)));
  const marks = findMarks(ink, mask);
  marks.forEach(check);
  return marks.map((mark) => center(thicken(mark)));
}

/** Fit one thing into the frame, light on dark; throws an Error if there is none. */
function prepareFramed(picture) {
  let grey = map(reduce(picture), (value) => value / 255);
  const { values, width, height } = grey;
  const corners = [0, width - 1, (height - 1) * width, height * width - 1].map((i) => values[i]);
  corners.sort((a, b) => a - b);
  const corner = rounded((corners[1] + corners[2]) / 2);
  const thing = map(grey, (value) => rounded(Math.abs(value - corner)) >= CONTRAST);
  if (!thing.values.some(Boolean)) throw new Error(NOTHING);
  if (corner > 0.5) grey = map(grey, (value) => 1 - value);
  if (width !== IMAGE_SIDE || height !== IMAGE_SIDE) {
    const small = fit(crop(grey, thing), IMAGE_SIDE);
    const start = (length) => Math.floor((IMAGE_SIDE - length) / 2);
    grey = place(small, start(small.width), start(small.height), Math.min(corner, 1 - corner));
  }
  return [Float32Array.from(grey.values)];
}

const array = (width, height, valueAt) => {
  const values = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) values[i++] = valueAt(x, y);
  }
  return { values, width, height };
};
const map = ({ values, width, height }, f) => {
  const mapped = new Float64Array(values.length); // a loop is many times as fast as values.map
  for (let i = 0; i < values.length; i++) mapped[i] = f(values[i], i);
  return { values: mapped, width, height };
};
const transpose = ({ values, width, height }) =>
  array(height, width, (x, y) => values[x * width + y]);
const largestOf = ({ values }) => {
  let largest = -Infinity;
  for (let i = 0; i < values.length; i++) if (values[i] > largest) largest = values[i];
  return largest;
};
const addUp = (values) => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i];
  return sum;
};
const clip = (value, low, high) => (value < low ? low : value > high ? high : value);
const rounded = (value) => Math.round(value * 1e9) / 1e9; // so that a tie is one in Python, too

function roundHalfToEven(value) {
  const down = Math.floor(value);
  return value - down === 0.5 ? down + Math.abs(down % 2) : Math.round(value);
}

/** Reduce to at most 256 pixels a side: each is the mean of a square, a byte again. */
function reduce({ values, width, height }) {
  const factor = Math.ceil(Math.max(width, height) / LONGEST);
  const meanAt = (left, top) => {
    let [sum, count] = [0, 0];
    for (let y = top * factor; y < Math.min((top + 1) * factor, height); y++) {
      for (let x = left * factor; x < Math.min((left + 1) * factor, width); x++, count++) {
        sum += values[y * width + x];
      }
    }
    return Math.floor(sum / count + 0.5);
  };
  return array(Math.ceil(width / factor), Math.ceil(height / factor), meanAt);
}

/** Return each pixel's distance from the paper around it. */
function contrast(bytes) {
  const light = map(bytes, (value) => value / 255);
  const window = windowOf(light);
  const sums = over(over(bytes, sumsOfLine, window, false), sumsOfLine, window, true).values;
  const cubes = map(light, (value, i) => {
    const difference = Math.sqrt(3) * (value - sums[i] / (255 * window * window));
    return difference * difference * difference;
  });
  if (addUp(cubes.values) > 1e-6) {
    const paper = opening(light, window).values;
    return map(light, (value, i) => rounded(value - paper[i]));
  }
  const paper = map(opening(map(light, (value) => -value), window), (value) => -value);
  const brightest = largestOf(paper) + 0.1;
  return map(light, (value, i) => {
    const here = paper.values[i];
    return rounded(((here - value) * brightest) / (here + 0.1));
  });
}

function windowOf({ width, height }) {
  return Math.trunc(WINDOW * Math.max(width, height)) | 1;
}

/** Return the highest of the minima of all windows that cover a pixel; borders are continued. */
function opening({ values, width, height }, window) {
  const reach = (window - 1) / 2;
  const columns = Array.from({ length: width + 2 * reach }, (_, x) => clip(x - reach, 0, width - 1));
  const inverse = (x, y) => -values[clip(y - reach, 0, height - 1) * width + columns[x]];
  const continued = array(columns.length, height + 2 * reach, inverse);
  const least = map(largestOver(continued, window, window), (value) => -value);
  const opened = largestOver(least, window, window).values;
  return array(width, height, (x, y) => opened[(y + reach) * columns.length + x + reach]);
}

/** Return the largest value of the window around each pixel. */
function largestOver(pixels, width, height) {
  return over(over(pixels, largestOfLine, width, false), largestOfLine, height, true);
}

/** Replace each row, or each column, by what a function makes of it. */
function over({ values, width, height }, replace, window, columns) {
  const [lines, length, step] = columns ? [width, height, width] : [height, width, 1];
  const line = new Float64Array(length);
  const result = new Float64Array(values.length);
  for (let number = 0; number < lines; number++) {
    const start = columns ? number : number * width;
    for (let i = 0; i < length; i++) line[i] = values[start + i * step];
    replace(line, window, result, start, step);
  }
  return { values: result, width, height };
}

/** Write the sum of the window at each place; the border is continued. */
function sumsOfLine(line, window, result, start, step) {
  const reach = (window - 1) / 2;
  const last = line.length - 1;
  let sum = reach * line[0];
  for (let x = 0; x < reach; x++) sum += line[Math.min(x, last)];
  for (let x = 0; x <= last; x++) {
    sum += line[Math.min(x + reach, last)];
    result[start + x * step] = sum;
    sum -= line[Math.max(x - reach, 0)];
  }
}

/** Write the largest value of the window at each place. */
function largestOfLine(line, window, result, start, step) {
  const reach = (window - 1) / 2;
  const queue = new Int32Array(line.length); // of the places that can still be the largest
  let [first, end] = [0, 0];
  for (let x = 0; x < line.length + reach; x++) {
    if (x < line.length) {
      while (end > first && line[queue[end - 1]] <= line[x]) end--;
      queue[end++] = x;
    }
    if (queue[first] < x - 2 * reach) first++;
    if (x >= reach) result[start + (x - reach) * step] = line[queue[first]];
  }
}

/** Return the ink, and a mask of the marks. */
function findInk(distance) {
  const furthest = largestOf(distance);
  if (furthest < CONTRAST) throw new Error(NOTHING);
  const scale = 255 / furthest;
  const near = largestOver(distance, windowOf(distance), windowOf(distance)).values;
  const all = new Array(256).fill(0);
  const counts = new Array(256).fill(0);
  distance.values.forEach((value, i) => {
    const level = roundHalfToEven(rounded(scale * value));
    all[level]++;
    if (near[i] >= furthest / 2) counts[level]++;
  });
  const paper = median(all);
  for (let level = 0; level < LEVELS; level++) {
    const { threshold, separability } = otsu(counts);
    const below = counts.map((count, value) => (value <= threshold ? count : 0));
    if (!addUp(below) || (level && separability < TWO_CLASSES)) break;
    counts.fill(0, 0, threshold + 1);
    const [low, high] = [median(below), median(counts)];
    const ink = map(distance, (v) => rounded(clip((scale * v - low) / (high - low), 0, 1)));
    const { labels, boxes } = label(map(ink, (value) => value > 0.5));
    const mass = new Array(boxes.length + 1).fill(0);
    labels.values.forEach((part, i) => part && (mass[part] += ink.values[i]));
    const border = borderOf(labels);
    const onBorder = new Set(border);
    const clean = !level && separability >= CLEAN && touchesAsDigits(border, labels);
    const free = mass.map((value, part) => (onBorder.has(part) && !clean ? 0 : value));
    if (2 * addUp(free) >= addUp(mass) && high - paper >= scale * CONTRAST) {
      const least = Math.max(...free) / 20;
      return { ink, mask: map(labels, (part) => free[part] > least) };
    }
  }
  throw new Error(`${NOTHING} and ends within the picture`);
}

/** Return the values on the border, clockwise. */
function borderOf({ values, width, height }) {
  const row = (y) => Array.from(values.subarray(y * width, (y + 1) * width));
  const column = (x) => Array.from({ length: height - 2 }, (_, y) => values[(y + 1) * width + x]);
  return [row(0), column(width - 1), row(height - 1).reverse(), column(0).reverse()].flat();
}

/** Tell whether parts touch the border once each or broadly, which rulings do not. */
function touchesAsDigits(border, { width, height }) {
  const touches = border.filter((part, i) => part && !border.at(i - 1));
  const covered = border.filter(Boolean).length;
  const broad = covered > (touches.length * Math.min(width, height)) / DIGIT_SIDE;
  return broad || touches.length === new Set(touches).size;
}

/** Return the threshold that separates two classes of counted values best, and how well. */
function otsu(counts) {
  const total = addUp(counts);
  const moment = addUp(counts.map((count, value) => count * value));
  let [below, sum, best, threshold] = [0, 0, 0, 0];
  counts.forEach((count, value) => {
    below += count;
    sum += count * value;
    const above = total - below;
    const apart = sum / Math.max(below, 1) - (moment - sum) / Math.max(above, 1);
    const between = (below * above * (apart * apart)) / (total * total);
    if (between > best) [best, threshold] = [between, value];
  });
  const squares = counts.map((count, value) => count * (value - moment / total) ** 2);
  return { threshold, separability: best / Math.max(addUp(squares) / total, 1e-9) };
}

/** Return the median of counted values. */
function median(counts) {
  const total = addUp(counts);
  const at = (rank) => counts.findIndex((count) => (rank -= count) < 0);
  return (at(Math.floor((total - 1) / 2)) + at(Math.floor(total / 2))) / 2;
}

/** Number the parts of a mask, whose pixels touch by a side or a corner; 0 is no part. */
function label(mask) {
  const { width, height } = mask;
  const labels = map(mask, () => 0);
  const boxes = [];
  for (let start = 0; start < mask.values.length; start++) {
    if (!mask.values[start] || labels.values[start]) continue;
    const box = { top: height, bottom: 0, left: width, right: 0 };
    boxes.push(box);
    labels.values[start] = boxes.length;
    for (const open = [start]; open.length; ) {
      const place = open.pop();
      const [x, y] = [place % width, Math.floor(place / width)];
      include(box, x, y);
      for (let row = Math.max(y - 1, 0); row <= Math.min(y + 1, height - 1); row++) {
        for (let column = Math.max(x - 1, 0); column <= Math.min(x + 1, width - 1); column++) {
          const next = row * width + column;
          if (!mask.values[next] || labels.values[next]) continue;
          labels.values[next] = boxes.length;
          open.push(next);
        }
      }
    }
  }
  return { labels, boxes };
}

function include(box, x, y) {
  if (x < box.left) box.left = x;
  if (x >= box.right) box.right = x + 1;
  if (y < box.top) box.top = y;
  if (y >= box.bottom) box.bottom = y + 1;
}

/** Cut out each mark, line by line and from left to right. */
function findMarks(ink, mask) {
  const tallestOf = (boxes) => Math.max(...boxes.map((box) => box.bottom - box.top));
  const reach = Math.floor(tallestOf(label(mask).boxes) / 4) | 1;
  const parts = label(largestOver(mask, 3, reach)).labels.values;
  const marks = Array.from({ length: largestOf({ values: parts }) }, (_, part) => {
    const pixels = map(mask, (value, i) => value && parts[i] === part + 1);
    return { pixels, ...boundsOf(pixels) };
  });
  const tallest = tallestOf(marks);
  const kept = marks.filter(({ top, bottom }) => 2 * (bottom - top) >= tallest);
  if (tallest < SMALLEST) throw new Error(`${NOTHING} but specks`);
  if (kept.length > MOST) throw new Error(`shows ${kept.length} marks, must be at most ${MOST}`);
  const window = 2 * Math.max(1, Math.floor(tallest / DIGIT_SIDE)) + 1;
  return readingOrder(kept).map(({ pixels }) => {
    const near = largestOver(pixels, window, window).values;
    return crop(map(ink, (value, i) => value * near[i]), pixels);
  });
}

/** Sort marks; one whose middle is above a line's end is on that line. */
function readingOrder(marks) {
  const lines = [];
  let end = 0;
  for (const mark of marks.sort((a, b) => a.top - b.top)) {
    if (mark.top + mark.bottom >= 2 * end) {
      lines.push([]);
      end = mark.bottom;
    }
    lines.at(-1).push(mark);
  }
  return lines.flatMap((line) => line.sort((a, b) => a.left - b.left));
}

/** Throw an Error for a mark that is surely no digit. */
function check(ink) {
  if (ink.width > WIDEST * ink.height) {
    throw new Error(`a mark is no digit: more than ${WIDEST} times as wide as high`);
  }
  if (strokeWidth(ink) > (BLOT / DIGIT_SIDE) * Math.max(ink.width, ink.height)) {
    throw new Error("a mark is no digit: a blot, not strokes");
  }
}

/** Return the mean width of strokes: four times the mean distance of pixels to the edge. */
function strokeWidth(ink) {
  const inside = distances(map(pad(ink, 1), (value) => value <= 0.5)).values.filter(Boolean);
  return (4 * addUp(inside)) / inside.length - 2;
}

/** Return how far each pixel is from the next of the mask: down the columns, then along the rows. */
function distances(mask) {
  const { values, width, height } = mask;
  const down = map(mask, () => Infinity).values;
  for (let x = 0; x < width; x++) {
    let before = Infinity;
    const step = (y) => {
      const i = y * width + x;
      before = values[i] ? 0 : Math.min(down[i], before + 1);
      down[i] = before;
    };
    for (let y = 0; y < height; y++) step(y);
    before = Infinity;
    for (let y = height - 1; y >= 0; y--) step(y);
  }
  return array(width, height, (x, y) => {
    let least = Infinity; // of the squares
    for (let apart = 0; apart < width && apart * apart < least; apart++) {
      const left = x >= apart ? down[y * width + x - apart] : Infinity;
      const right = x + apart < width ? down[y * width + x + apart] : Infinity;
      const next = left < right ? left : right;
      if (apart * apart + next * next < least) least = apart * apart + next * next;
    }
    return Math.sqrt(least);
  });
}

/** Bring strokes that are thinner than MNIST's to their median width; leave others. */
function thicken(ink) {
  const missing = (STROKE / DIGIT_SIDE) * Math.max(ink.width, ink.height) - strokeWidth(ink);
  if (missing <= 0) return ink;
  const large = pad(ink, Math.trunc(missing) + 1);
  const away = distances(map(large, (value) => value > 0.5)).values;
  const thick = map(large, (v, i) => Math.max(v, clip(missing / 2 + 1 - away[i], 0, 1)));
  return crop(thick, map(thick, (value) => value > 0.5));
}

/** Fit a digit into 20 × 20 pixels, and place it in 28 × 28 by its centre of mass. */
function center(ink) {
  const small = fit(ink, DIGIT_SIDE);
  const { values, width } = small;
  const mass = addUp(values);
  const start = (coordinateOf, length) => {
    const middle = addUp(values.map((value, i) => value * coordinateOf(i))) / mass;
    const first = Math.trunc(rounded(IMAGE_SIDE / 2 - middle + 0.5));
    return clip(first, 0, IMAGE_SIDE - length);
  };
  const left = start((i) => i % width, width);
  const top = start((i) => Math.floor(i / width), small.height);
  return Float32Array.from(place(small, left, top, 0).values);
}

/** Place an array in an image of 28 × 28, the rest of one value. */
function place(small, left, top, rest) {
  return placed(small, left, top, IMAGE_SIDE, IMAGE_SIDE, rest);
}

function pad(small, margin) {
  const [width, height] = [small.width + 2 * margin, small.height + 2 * margin];
  return placed(small, margin, margin, width, height, 0);
}

function placed(small, left, top, width, height, rest) {
  return array(width, height, (x, y) => {
    const [column, row] = [x - left, y - top];
    const within = column >= 0 && column < small.width && row >= 0 && row < small.height;
    return within ? small.values[row * small.width + column] : rest;
  });
}

/** Return the smallest box that holds the mask. */
function boundsOf({ values, width, height }) {
  const box = { top: height, bottom: 0, left: width, right: 0 };
  values.forEach((value, i) => value && include(box, i % width, Math.floor(i / width)));
  return box;
}

/** Cut off the rows and columns that are not in the mask. */
function crop({ values, width }, mask) {
  const { top, bottom, left, right } = boundsOf(mask);
  return array(right - left, bottom - top, (x, y) => values[(top + y) * width + left + x]);
}

/** Resample so that the longer side has that many pixels, and the proportions stay. */
function fit(ink, side) {
  const longest = Math.max(ink.width, ink.height);
  const length = (old) => Math.max(1, Math.trunc((side * old) / longest + 0.5));
  const rows = transpose(resampleRows(transpose(ink), length(ink.height)));
  return resampleRows(rows, length(ink.width));
}

/** Resample the rows bilinearly, which averages where it shrinks. */
function resampleRows({ values, width, height }, length) {
  const reach = Math.max(width / length, 1);
  const weights = Array.from({ length }, (_, column) => {
    const middle = ((column + 0.5) * width) / length - 0.5;
    const first = Math.max(Math.ceil(middle - reach), 0);
    const row = [];
    for (let x = first; x < Math.min(middle + reach, width); x++) {
      row.push(Math.max(1 - Math.abs(middle - x) / reach, 0));
    }
    const sum = addUp(row);
    return { first, row: row.map((weight) => weight / sum) };
  });
  return array(length, height, (column, y) => {
    const { first, row } = weights[column];
    return row.reduce((sum, weight, i) => sum + weight * values[y * width + first + i], 0);
  });
}
