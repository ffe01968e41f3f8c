/** What --check warns of a server: what the settings need and the server does not offer, and what mends that. */

import type { Service, TlsMode } from "../config/settings";
import type { Capabilities } from "../protocol/capability";
import type { Mechanism, Secret } from "../protocol/credentials";
import { offersXclient } from "../protocol/xclient";
import { wayOf } from "../session/serverauth";

/** A server as a session sees it before the login. */
interface Seen {
  /** Its name and port, for the reader. */
  readonly name: string;
  readonly greeting: string;
  /** null: it has no CAPA. */
  readonly capabilities: Capabilities | null;
  /** Whether TLS is spoken. */
  readonly tls: boolean;
  /** The TLS mode that is written behind the server, which --server-tls does not change; undefined: none is. */
  readonly ownTls: TlsMode | undefined;
  /** The gateway's address towards it. */
  readonly own: string;
}

const PASSWORD: Secret = { kind: "password", password: "" };
const TOKEN: Secret = { kind: "token", mechanism: "OAUTHBEARER", token: "" };

/** The warnings for one server, each in one line. */
export function serverWarnings({ servers, dialogue }: Service, seen: Seen): string[] {
  const { name, greeting, capabilities, tls, ownTls, own } = seen;
  const mendTls = ownTls ? "write /starttls behind the server" : "say --server-tls starttls";
  const startTls = !tls && capabilities?.has("STLS") === true ? mendTls : null;
  const warnings = startTls !== null && capabilities ? [withoutStartTls(name, capabilities, startTls)] : [];
  warnings.push(...withoutWay(dialogue.mechanisms, name, capabilities, startTls));
  if (servers.xclient && !offersXclient(greeting)) {
    const mend = `add ${own} to Dovecot's login_trusted_networks, or leave out --xclient`;
    warnings.push(`${name} does not offer XCLIENT, and takes all clients for the gateway: ${mend}`);
  }
  if (dialogue.utf8 && !capabilities?.has("UTF8")) {
    const mend = "leave out --utf8, unless another server has it";
    warnings.push(`${name} does not list UTF8, which clients are told they can use: ${mend}`);
  }
  return warnings;
}

/** A server that offers STLS, and is spoken to in clear. @param startTls what to do for STLS */
function withoutStartTls(name: string, capabilities: Capabilities, startTls: string): string {
  const must = wayOf(PASSWORD, capabilities) === null;
  const why = must ? "wants STLS before a login" : "offers STLS, and is spoken to in clear";
  return `${name} ${why}: ${startTls}`;
}

/**
 * Mechanisms for which the server lists no way.
 *
 * @param startTls what to do for STLS, behind which the server may list more; null: it does not offer STLS
 */
function withoutWay(
  permitted: readonly Mechanism[],
  name: string,
  capabilities: Capabilities | null,
  startTls: string | null,
): string[] {
  const lacks = (secret: Secret, mechanisms: readonly Mechanism[], what: string) => {
    if (mechanisms.length === 0 || wayOf(secret, capabilities) !== null) return [];
    const there = startTls === null ? "enable one there" : `${startTls}, behind which it may`;
    return [`${name} lists ${what}: ${there}, or leave ${mechanisms.join(" and ")} out of --auth`];
  };
  const passwords = permitted.filter((mechanism) => mechanism === "PLAIN");
  const tokens = permitted.filter((mechanism) => mechanism !== "PLAIN");
  return [
    // That a server wants STLS first has been said.
    ...(startTls === null ? lacks(PASSWORD, passwords, "neither USER nor SASL PLAIN") : []),
    ...lacks(TOKEN, tokens, "neither SASL OAUTHBEARER nor SASL XOAUTH2"),
  ];
}
