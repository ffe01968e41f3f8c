/**
 * Names for the log of commands that are not permitted. A line that is not a command of the gateway may have a secret
 * in it: a password without its verb, or what follows a refused AUTH. Only words that can't be one are shown.
 */

/** Commands of POP3 (RFC 1734, 1939, 2449, 2595, 6856; RFC 1081, RFC 1460), and of the other protocols of mail and the web. */
const KNOWN = new Set(
  `USER PASS STAT LIST RETR UIDL DELE TOP LAST NOOP RSET QUIT APOP AUTH CAPA STLS UTF8 LANG XTND RPOP XSENDER XCLIENT
  EHLO HELO LHLO MAIL RCPT DATA BDAT VRFY EXPN HELP ETRN TURN STARTTLS ID
  CAPABILITY LOGIN LOGOUT AUTHENTICATE SELECT EXAMINE NAMESPACE FETCH
  GET POST HEAD PUT OPTIONS CONNECT PROXY`.split(/\s+/),
);

/** Mechanisms of SASL (IANA's registry), and those that were never registered and are in use. */
const MECHANISMS = new Set(
  `PLAIN LOGIN CRAM-MD5 DIGEST-MD5 NTLM GSSAPI GSS-SPNEGO EXTERNAL ANONYMOUS OTP SKEY KERBEROS_V4 XOAUTH XOAUTH2
  OAUTHBEARER SCRAM-SHA-1 SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-256-PLUS SCRAM-SHA-512 MSN`.split(/\s+/),
);

/**
 * A line for the log: a known command by its name, AUTH with its mechanism; else the first word if that is 1 to 12
 * letters and digits; else the word's length. A word that begins with PASS or AUTH and is longer may be a command with
 * a secret, without the blank between them.
 *
 * @param secret whether the line may be a secret, whatever its form is: only a known command is shown then
 */
export function nameOf(line: string, secret = false): string {
  const [word = "", mechanism = ""] = line.split(" ", 2);
  const verb = word.toUpperCase();
  if (verb === "AUTH" && MECHANISMS.has(mechanism.toUpperCase())) return `${word} ${mechanism}`;
  if (KNOWN.has(verb)) return word;
  return !secret && /^(?!pass.|auth.)[a-z0-9]{1,12}$/i.test(word) ? word : `(${word.length} octets)`;
}
