/**
 * The log: one event, one line, `event key=value ...` (SPEC section 8). Values are escaped here and nowhere else, so
 * that nobody outside can forge a line. Secrets are not given to it in the first place.
 */

/** As syslog's severities; `debug` is the traced dialogue. */
export type Level = "err" | "warning" | "notice" | "info" | "debug";

/** Undefined values are left out. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

export type Log = (level: Level, event: string, fields: Fields) => void;

/** The longest value that is shown, in characters. */
const VALUE_BOUND = 256;

/** The same for the stack of a fault of ours. */
const STACK_BOUND = 2048;

/** One line without its line end. */
export function line(event: string, fields: Fields): string {
  let text = event;
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined) text += ` ${key}=${shown(value, key === "stack" ? STACK_BOUND : VALUE_BOUND)}`;
  }
  return text;
}

/** A value with blanks, quotes, control octets or anything beyond ASCII is quoted and escaped. */
export function shown(value: string | number, bound = VALUE_BOUND): string {
  if (typeof value === "number") return String(value);
  const cut = value.length > bound ? `${value.slice(0, bound)}...` : value;
  if (/^[!#-[\]-~]+$/.test(cut)) return cut;
  return `"${cut.replace(/["\\]|[^ -~]/g, escaped)}"`;
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  if (character === '"' || character === "\\") return `\\${character}`;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}
