/** Names in which the case of letters does not count. */

/** A text in lower case, as far as it is ASCII. */
export function lowered(text: string): string {
  return /[A-Z]/.test(text) ? text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase()) : text;
}
