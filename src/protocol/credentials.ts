/**
 * Credentials, and the parts of their name and password: `proxy-user:user@server` and `proxy-password:password` (the
 * manual's sections "Server Selection" and "Proxy Authentication"). All texts are latin1; nothing is trimmed, and no
 * case is changed.
 */

/** The complete credentials of a client. */
export interface Credentials {
  readonly kind: "password";
  /** The argument of USER. */
  readonly user: string;
  /** The argument of PASS. */
  readonly password: string;
}

/** The parts of a name: user and server. */
interface Selection {
  /** The name before the delimiter. */
  readonly name: string;
  /** The text after the delimiter, unchecked; null: there is no delimiter, or no text. */
  readonly server: string | null;
}

/** Splits a name at the last delimiter: joe@example.org@mail.host selects mail.host. @param delimiters characters */
export function splitServer(name: string, delimiters: string): Selection {
  for (let at = name.length - 1; at >= 0; at--) {
    if (!delimiters.includes(name[at] as string)) continue;
    return { name: name.slice(0, at), server: name.slice(at + 1) || null };
  }
  return { name, server: null };
}

/** The login for the gateway itself, and the login for the server. */
export interface ProxyLogin {
  /** The login for the gateway; both "" if the name has no colon. */
  readonly proxyUser: string;
  readonly proxyPassword: string;
  readonly user: string;
  readonly password: string;
}

/**
 * Splits a name and a password at their first colons. The password is split only if the name has a colon; a password
 * without a colon is the server's.
 */
export function splitProxy(name: string, password: string): ProxyLogin {
  const at = name.indexOf(":");
  if (at < 0) return { proxyUser: "", proxyPassword: "", user: name, password };
  const [proxyUser, user] = [name.slice(0, at), name.slice(at + 1)];
  const colon = password.indexOf(":");
  if (colon < 0) return { proxyUser, proxyPassword: "", user, password };
  return { proxyUser, proxyPassword: password.slice(0, colon), user, password: password.slice(colon + 1) };
}
