/**
 * Credentials, by USER and PASS or by AUTH, and the parts of their name and password: `proxy-user:user@server` and
 * `proxy-password:password` (the manual's sections "Server Selection" and "Proxy Authentication"). All texts are latin1;
 * nothing is trimmed, and no case is changed.
 */

/** The mechanisms of AUTH: RFC 4616, RFC 7628, and Google's description of XOAUTH2. */
export const MECHANISMS = ["PLAIN", "OAUTHBEARER", "XOAUTH2"] as const;

export type Mechanism = (typeof MECHANISMS)[number];

/** The mechanisms whose secret is an access token of OAuth. */
export type TokenMechanism = Exclude<Mechanism, "PLAIN">;

/** What proves who the user is. */
export type Secret =
  | { readonly kind: "password"; readonly password: string }
  | { readonly kind: "token"; readonly mechanism: TokenMechanism; readonly token: string };

/** The complete credentials of a client. */
export interface Credentials {
  readonly user: string;
  readonly secret: Secret;
  /** The mechanism of AUTH; absent: the client has used USER and PASS. */
  readonly mechanism?: Mechanism;
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
  readonly secret: Secret;
}

/** A login for the server alone. */
export function withoutProxy(user: string, secret: Secret): ProxyLogin {
  return { proxyUser: "", proxyPassword: "", user, secret };
}

/**
 * Splits a name and a password at their first colons. The password is split only if the name has a colon; a password
 * without a colon is the server's, and so is a token.
 */
export function splitProxy(name: string, secret: Secret): ProxyLogin {
  const at = name.indexOf(":");
  if (at < 0) return withoutProxy(name, secret);
  const [proxyUser, user] = [name.slice(0, at), name.slice(at + 1)];
  const colon = secret.kind === "password" ? secret.password.indexOf(":") : -1;
  if (secret.kind === "token" || colon < 0) return { proxyUser, proxyPassword: "", user, secret };
  const { password } = secret;
  const rest: Secret = { kind: "password", password: password.slice(colon + 1) };
  return { proxyUser, proxyPassword: password.slice(0, colon), user, secret: rest };
}

/** The texts of a login that the log must not have. */
export function secretsOf({ secret, proxyPassword }: Pick<ProxyLogin, "secret" | "proxyPassword">): string[] {
  return [secret.kind === "password" ? secret.password : secret.token, proxyPassword];
}
