// What the engine's library lacks, or does otherwise than node's.
//
// In: the engine's prototypes. Out: the same, with numbers and texts as English sees them, and random numbers that are the
// same in every run. Left out on purpose: other languages, and `Intl`.

function grouped(digits) {
  return digits.replace(/\B(?=(?:\d{3})+$)/g, ",");
}

function localeNumber(value, options = {}) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value < 0 ? "-∞" : "∞";
  const percent = options.style === "percent";
  const least = options.minimumFractionDigits ?? 0;
  const most = options.maximumFractionDigits ?? Math.max(least, percent ? 0 : 3);
  let [whole, fraction = ""] = Math.abs(percent ? value * 100 : value).toFixed(Math.min(most, 100)).split(".");
  while (fraction.length > least && fraction.endsWith("0")) fraction = fraction.slice(0, -1);
  whole = whole.padStart(options.minimumIntegerDigits ?? 1, "0");
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  return sign + (options.useGrouping === false ? whole : grouped(whole)) + (fraction && `.${fraction}`) + (percent ? "%" : "");
}

/// Letters before case and accents, as dictionaries have them; with `numeric`, numbers by their value.
function compare(left, right, options = {}) {
  const plain = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  const rank = (character) => (/[\p{L}]/u.test(character) ? 3 : /[\p{N}]/u.test(character) ? 2 : /\s/.test(character) ? 0 : 1);
  const parts = (text) => (options.numeric ? plain(text).match(/\d+|[^]/g) ?? [] : [...plain(text)]);
  const [a, b] = [parts(left), parts(right)];
  for (let index = 0; index < a.length && index < b.length; index++) {
    if (a[index] === b[index]) continue;
    const numbers = /^\d/.test(a[index]) && /^\d/.test(b[index]);
    const differ = numbers ? order(Number(a[index]), Number(b[index])) : order(rank(a[index]), rank(b[index])) || order(a[index], b[index]);
    if (differ) return differ;
  }
  if (a.length !== b.length) return order(a.length, b.length);
  const sensitivity = options.sensitivity ?? "variant";
  if (sensitivity === "base") return 0;
  const accents = (text) => text.normalize("NFD").toLowerCase();
  const differ = sensitivity === "case" ? 0 : order(accents(left), accents(right));
  // Where only case differs, small letters come first.
  return differ || sensitivity === "accent" ? differ : -order(left, right);
}

export function change() {
  const define = (target, name, value) => Object.defineProperty(target, name, { value, writable: true, configurable: true });
  define(Number.prototype, "toLocaleString", function toLocaleString(locales, options) {
    return localeNumber(Number(this), options);
  });
  define(BigInt.prototype, "toLocaleString", function toLocaleString() {
    return String(this).replace(/\d+/, grouped);
  });
  define(String.prototype, "localeCompare", function localeCompare(other, locales, options) {
    return compare(String(this), String(other), options);
  });
  // xorshift32, which is plenty for programs whose output is a function of their input.
  let seed = 0x9e3779b9;
  const next = () => {
    seed ^= seed << 13;
    seed ^= seed >>> 17;
    seed ^= seed << 5;
    return seed >>> 0;
  };
  define(Math, "random", function random() {
    return ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;
  });
}
