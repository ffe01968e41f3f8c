/**
 * Control octets, which a line of POP3 must not have: 0x00 to 0x1F, and 0x7F. 0x80 to 0x9F are parts of UTF-8 and pass.
 */

/** Whether a text (latin1, or any string) has a control octet. */
export function hasControl(text: string): boolean {
  return /[\x00-\x1f\x7f]/.test(text);
}

/** The text without its control octets but TAB, with which servers separate fields. */
export function withoutControl(text: string): string {
  return text.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, "");
}

/**
 * The text without its blanks at the end. Not by a regular expression: V8 would try each blank of a long text as the
 * first of the last ones, and 12 KiB of them would take most of a second.
 */
export function withoutTrailingBlanks(text: string): string {
  let end = text.length;
  while (text[end - 1] === " ") end--;
  return text.slice(0, end);
}
