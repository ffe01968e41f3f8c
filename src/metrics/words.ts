/** Numbers and periods in words that people read at a glance. */

const UNITS: readonly (readonly [number, string])[] = [
  [1e12, "T"],
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** A number with three digits, 1.23 M, or a whole one in full: 1,234. */
export function short(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 100_000) return grouped(value);
  return scaled(value);
}

/** A whole number with a comma between thousands. */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

function scaled(value: number): string {
  const [size, unit] = UNITS.find(([one]) => Math.abs(value) >= one) ?? [1, ""];
  const number = value / size;
  const digits = (size === 1 && Number.isInteger(value)) || number >= 100 ? 0 : number >= 10 ? 1 : 2;
  return `${number.toFixed(digits)}${unit && ` ${unit}`}`;
}

/** Octets: 1.23 MB. */
export function octetsInWords(count: number): string {
  const text = scaled(count);
  return text.includes(" ") ? `${text}B` : `${text} B`;
}

/** A period: 42 s, 3 min, 5 h 12 min, 3 d 4 h. @param seconds how long it is */
export function period(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(whole / 60);
  const hours = Math.floor(minutes / 60);
  const days = Math.floor(hours / 24);
  if (whole < 60) return `${whole} s`;
  if (minutes < 60) return `${minutes} min`;
  if (hours < 24) return `${hours} h${minutes % 60 > 0 ? ` ${minutes % 60} min` : ""}`;
  return days < 10 && hours % 24 > 0 ? `${days} d ${hours % 24} h` : `${days} d`;
}

/** A short time: 3.2 ms, 1.25 s. @param seconds how long it is */
export function duration(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}
