// Statistics of a few lines each.

/** @param {number[]} values @param {number} share from 0 to 1 */
export function quantile(values, share) {
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  if (sorted.length === 0) return NaN;
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const rest = place - below;
  return sorted[below] + (rest > 0 ? rest * (sorted[below + 1] - sorted[below]) : 0);
}

/** Mid-ranks from 1. */
/** @param {number[]} values */
export function ranks(values) {
  const order = values.map((_, i) => i).sort((a, b) => values[a] - values[b]);
  const found = new Array(values.length);
  for (let first = 0; first < order.length;) {
    let last = first;
    while (last + 1 < order.length && values[order[last + 1]] === values[order[first]]) last += 1;
    for (let i = first; i <= last; i += 1) found[order[i]] = (first + last) / 2 + 1;
    first = last + 1;
  }
  return found;
}

/** Spearman's rank correlation; null where one side does not vary. */
/** @param {number[]} xs @param {number[]} ys */
export function rankCorrelation(xs, ys) {
  return xs.length < 3 ? null : correlation(ranks(xs), ranks(ys));
}

/** @param {number[]} xs @param {number[]} ys */
function correlation(xs, ys) {
  const n = xs.length;
  const mx = xs.reduce((sum, x) => sum + x, 0) / n;
  const my = ys.reduce((sum, y) => sum + y, 0) / n;
  let [xy, xx, yy] = [0, 0, 0];
  for (let i = 0; i < n; i += 1) {
    xy += (xs[i] - mx) * (ys[i] - my);
    xx += (xs[i] - mx) ** 2;
    yy += (ys[i] - my) ** 2;
  }
  return xx === 0 || yy === 0 ? null : xy / Math.sqrt(xx * yy);
}

/** @param {number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/** An exponentially weighted mean, corrected for its start; NaN and infinities interrupt it. */
/** @param {(number | null)[]} values @param {number} weight of the past, from 0 to below 1 */
export function smoothed(values, weight) {
  if (weight <= 0) return values;
  let [sum, norm] = [0, 0];
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return value;
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}
