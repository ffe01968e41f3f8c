/**
 * Where the statements of a TOML file begin and end, those that are faulty, too: a statement that is not closed ends
 * where the next one seems to begin. What is inside them is not judged here.
 */

/** A statement. All numbers are offsets in the text. */
export interface Extent {
  /** A key with a value, `[table]`, or `[[table]]`. */
  readonly kind: "value" | "table" | "array";
  readonly from: number;
  /** The end, without the line end. */
  readonly to: number;
  /** Where the value begins; with neither key nor value, `from`. */
  readonly value: number;
  /** Where the elements of an array begin. */
  readonly elements: readonly number[];
}

/** What separates statements. */
const BETWEEN = /(?:[ \t\r\n\uFEFF]|#[^\n]*)*/y;

/** The beginning of a line that can't be inside an array: a table, or a key with "=". */
const NEXT = /\n[ \t]*(?:\[[\w.-]+\][ \t]*(?:#[^\n]*)?\r?$|[\w-]+[ \t]*=)/my;

/** A text in quotes, as far as it goes; a short one ends with its line, if its quote is missing. */
const TEXT = /"""(?:[^\\]|\\[\s\S])*?(?:"{3,5}|$)|'''[\s\S]*?(?:'{3,5}|$)|"(?:[^"\\\n]|\\[^\n])*"?|'[^'\n]*'?/y;

/** All statements of a text. */
export function statements(text: string): readonly Extent[] {
  const found: Extent[] = [];
  for (let at = endOf(BETWEEN, text, 0); at < text.length; ) {
    const one = text[at] === "[" ? tableAt(text, at) : valueAt(text, at);
    found.push(one);
    at = endOf(BETWEEN, text, one.to);
    // A statement has one octet at least, so this ends.
    if (at <= one.from) at = one.from + 1;
  }
  return found;
}

function tableAt(text: string, from: number): Extent {
  const to = lineEnd(text, from);
  return { kind: text[from + 1] === "[" ? "array" : "table", from, to, value: from, elements: [] };
}

function valueAt(text: string, from: number): Extent {
  const equals = equalsAfter(text, from);
  if (equals === null) return { kind: "value", from, to: lineEnd(text, from), value: from, elements: [] };
  const value = endOf(/[ \t]*/y, text, equals + 1);
  const elements: number[] = [];
  /** The brackets that are open. */
  const open: string[] = [];
  let at = value;
  let due = false;
  while (at < text.length) {
    const one = text[at] as string;
    if (one === "\n" && (open.length === 0 || (open.at(-1) === "[" && endOf(NEXT, text, at) > at))) break;
    if (due && open.length === 1 && !/[\s,\]#]/.test(one)) {
      elements.push(at);
      due = false;
    }
    if (one === "[" || one === "{") {
      due = open.length === 0 && one === "[";
      open.push(one);
    } else if (one === "]" || one === "}") {
      open.pop();
    } else if (one === "," && open.length === 1) {
      due = text[value] === "[";
    }
    if (one === "#") at = endOfComment(text, at);
    else at = one === '"' || one === "'" ? endOf(TEXT, text, at) : at + 1;
  }
  return { kind: "value", from, to: trimmed(text, from, at), value, elements };
}

/** Where the "=" behind a key is; null: there is none in its line. */
function equalsAfter(text: string, from: number): number | null {
  for (let at = from; at < text.length; ) {
    const one = text[at];
    if (one === "=") return at;
    if (one === "\n" || one === "#") return null;
    at = one === '"' || one === "'" ? endOf(TEXT, text, at) : at + 1;
  }
  return null;
}

function endOfComment(text: string, at: number): number {
  const line = text.indexOf("\n", at);
  return line < 0 ? text.length : line;
}

/** The end of the line of `from`, without what ends the line. */
function lineEnd(text: string, from: number): number {
  return trimmed(text, from, endOfComment(text, from));
}

/** `to` without the blanks before it. A carriage return is a part of the line end. */
function trimmed(text: string, from: number, to: number): number {
  let at = to;
  while (at > from + 1 && /\s/.test(text[at - 1] as string)) at--;
  return at;
}

/** The end of what a sticky expression matches at this place; the place itself if it matches nothing. */
function endOf(expression: RegExp, text: string, at: number): number {
  expression.lastIndex = at;
  return expression.test(text) ? expression.lastIndex : at;
}
