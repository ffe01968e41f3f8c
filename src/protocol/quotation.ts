/**
 * Whether a server's text quotes a password or a token, so that the log must not have the text. A password that is
 * short, or a word that many answers have, tells a reader nothing where it stands as a part of the sentence: such a
 * password counts only where the text puts it between quotation marks or behind a colon.
 */

/**
 * A text of a server or of an access control program for the log. If the text quotes one of these secrets, or ends in
 * the beginning of one, only its length is shown: with the secret masked, the rest of the text could give the secret
 * away.
 */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  const plain = unescaped(text);
  const quoted = secrets.some((secret) => quotes(text, secret) || (plain !== text && quotes(plain, secret)));
  return quoted ? `(${text.length} octets with a password in them)` : text;
}

/** The most octets of a password that counts as short; so much of a longer one may end a text. */
const SHORT = 3;

/** So much of the beginning of a longer secret counts as the secret: a token may have thousands of octets. */
const LONG = 64;

/** Words that servers answer with. */
const WORDS = new Set(
  `access account again allowed already auth authentication authorization bad busy client closed closing connection
  credentials denied disabled domain email error failed failure forbidden hello host incorrect inbox internal invalid
  later limit locked login logon mail mailbox maildrop message messages name none number octets okay pass password
  permission permitted please pop3 problem ready rejected retry secret server service session spool system temporary
  temporarily timeout unable unavailable unknown user username valid welcome wrong`.split(/\s+/),
);

const OPENING = /["'`(<[{]$/;
const CLOSING = /^["'`)>\]}]/;
const NAMED = /[:=] ?$/;
const END = /^(?:[\s.,;!]|$)/;

/** Without the escapes of HTTP, in which an auth_http service has got the password. */
function unescaped(text: string): string {
  return text.replace(/%([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/** Whether the text has the secret in it, or ends in its beginning: long lines are cut, and the end of input cuts others. */
function quotes(text: string, secret: string): boolean {
  if (secret === "") return false;
  if (secret.length <= SHORT || WORDS.has(secret.toLowerCase())) return marks(text, secret);
  if (text.includes(secret.slice(0, LONG))) return true;
  for (let length = Math.min(secret.length, text.length, LONG); length > SHORT; length--) {
    const beginning = secret.slice(0, length);
    if (text.endsWith(beginning) && !WORDS.has(beginning.toLowerCase())) return true;
  }
  return false;
}

/** Whether the text sets the secret off as a quotation. */
function marks(text: string, secret: string): boolean {
  for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + 1)) {
    const before = text.slice(0, at);
    const after = text.slice(at + secret.length);
    if ((OPENING.test(before) && CLOSING.test(after)) || (NAMED.test(before) && END.test(after))) return true;
  }
  return false;
}
