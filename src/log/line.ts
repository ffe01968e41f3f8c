/**
 * The log: one event, one line, `event key=value ...` (SPEC section 8). Values are escaped here and nowhere else, so
 * that nobody outside can forge a line. Secrets are not given to it in the first place.
 */

import { quote } from "../base/quote";

/** As syslog's severities; `debug` is the traced dialogue. */
export type Level = "err" | "warning" | "notice" | "info" | "debug";

/** Undefined values are left out. */
export type Fields = Readonly<Record<string, string | number | undefined>>;

export type Log = (level: Level, event: string, fields: Fields) => void;

/** The longest stack of a fault of ours that is shown, in characters. */
const STACK_BOUND = 2048;

/** One line without its line end. */
export function line(event: string, fields: Fields): string {
  let text = event;
  for (const key in fields) {
    const value = fields[key];
    if (value !== undefined)
      text += ` ${key}=${typeof value === "number" ? value : quote(value, key === "stack" ? STACK_BOUND : undefined)}`;
  }
  return text;
}
