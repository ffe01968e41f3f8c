/**
 * Credentials, and what the name and the password in them are made of: `proxy-user:user@server` and
 * `proxy-password:password` (the manual's sections "Server Selection" and "Proxy Authentication").
 * All is latin1; nothing is trimmed or folded here.
 */

/** Complete credentials of a client: those of USER and PASS. */
export interface Credentials {
  readonly kind: "password";
  /** As the client gave it. */
  readonly user: string;
  readonly password: string;
}

/** A name without its server part. */
export interface Selection {
  readonly name: string;
  /** What stands behind the delimiter, as typed; null: there is none, or nothing. */
  readonly server: string | null;
}

/** Splits at the last character that is one of the delimiters: joe@example.org@mail.host selects mail.host. */
export function splitServer(name: string, delimiters: string): Selection {
  for (let at = name.length - 1; at >= 0; at--) {
    if (!delimiters.includes(name[at] as string)) continue;
    return { name: name.slice(0, at), server: name.slice(at + 1) || null };
  }
  return { name, server: null };
}

/** A login for the gateway itself, and one for the server. */
export interface ProxyLogin {
  /** Both "" if the name has no colon. */
  readonly proxyUser: string;
  readonly proxyPassword: string;
  readonly user: string;
  readonly password: string;
}

/** Splits at the first colon. The password is split only if the name was; one without a colon is the server's. */
export function splitProxy(name: string, password: string): ProxyLogin {
  const at = name.indexOf(":");
  if (at < 0) return { proxyUser: "", proxyPassword: "", user: name, password };
  const [proxyUser, user] = [name.slice(0, at), name.slice(at + 1)];
  const colon = password.indexOf(":");
  if (colon < 0) return { proxyUser, proxyPassword: "", user, password };
  return { proxyUser, proxyPassword: password.slice(0, colon), user, password: password.slice(colon + 1) };
}
