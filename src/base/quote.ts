/**
 * Text of clients and servers, escaped to one line: for log lines and for messages to an operator; and text of the
 * operator without a password.
 */

/** The longest text that is shown, in characters. */
const BOUND = 256;

/**
 * The text itself if it is printable ASCII without blanks and quotes; else quoted, with everything else escaped, so
 * that no octet of a peer can end a line or look like another value.
 *
 * @param bound the longest text that is shown, in characters; the rest is replaced by "..."
 */
export function quote(text: string, bound = BOUND): string {
  const cut = text.length > bound ? `${text.slice(0, bound)}...` : text;
  if (/^[!#-[\]-~]+$/.test(cut)) return cut;
  return `"${cut.replace(/["\\]|[^ -~]/g, escaped)}"`;
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  if (character === '"' || character === "\\") return `\\${character}`;
  return code <= 0xff ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** What an administrator has given for a server or a URL, without the user and the password that may stand before "@". */
export function withoutPassword(given: string): string {
  const at = given.lastIndexOf("@");
  const [scheme = ""] = /^[^@]*?:\/\//.exec(given) ?? [];
  // A password may have any character in it, a slash and "@", too.
  const mayBe = scheme !== "" || given.slice(0, Math.max(0, at)).includes(":");
  return at < 0 || !mayBe ? given : `${scheme}***${given.slice(at)}`;
}
