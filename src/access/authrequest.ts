/**
 * The headers of a request to an auth_http service, in nginx's order and with nginx's escapes, so that services written
 * for nginx understand it. The manual's section "Access Control by HTTP" says what differs.
 */

import { bracketed } from "../base/address";
import type { AuthHttpSettings } from "../config/settings";
import { withoutZone } from "../protocol/ipaddress";
import type { Route } from "../session/needs";
import type { AccessRequest } from "./admission";

type Pairs = [name: string, value: string | number][];

/** Names and values by turns, latin1. */
export function requestHeaders(
  { host, headers }: Pick<AuthHttpSettings, "host" | "headers">,
  route: Route,
  about: AccessRequest,
): string[] {
  const { secret } = route;
  const pairs: Pairs = [
    ["Host", hostHeader({ host })],
    ["Auth-Method", secret.kind === "token" ? secret.mechanism.toLowerCase() : "plain"],
    // Whoever has given the password: the user map may give several users one name at the server.
    ["Auth-User", asNginxEscapes(route.givenUser ?? route.user)],
    ["Auth-Pass", asNginxEscapes(secret.kind === "token" ? secret.token : secret.password)],
    ["Auth-Protocol", "pop3"],
    // A refused login ends the session.
    ["Auth-Login-Attempt", 1],
    ...whenceOf(about),
  ];
  if (route.selected) pairs.push(["Auth-Server", route.host], ["Auth-Server-Port", route.port]);
  for (const { name, value } of headers) pairs.push([name, value]);
  return pairs.flatMap(([name, value]) => [name, String(value)]);
}

/** The value of Host. */
export function hostHeader({ host }: Pick<AuthHttpSettings, "host">): string {
  return bracketed(host);
}

/** Where the client is, and how it has connected. */
function whenceOf({ client, clientPort, interface: to, tls, header }: AccessRequest): Pairs {
  const pairs: Pairs = [];
  if (client !== "") pairs.push(["Client-IP", withoutZone(client)]);
  if (header?.kind === "client") {
    pairs.push(["Proxy-Protocol-Addr", header.from.address], ["Proxy-Protocol-Port", header.from.port]);
    pairs.push(["Proxy-Protocol-Server-Addr", header.to.address], ["Proxy-Protocol-Server-Port", header.to.port]);
  }
  if (tls) {
    pairs.push(["Auth-SSL", "on"], ["Auth-SSL-Protocol", asNginxEscapes(tls.version)]);
    if (tls.cipher !== "") pairs.push(["Auth-SSL-Cipher", asNginxEscapes(tls.cipher)]);
  }
  if (to.port) pairs.push(["Auth-Port", to.port]);
  if (clientPort) pairs.push(["Client-Port", clientPort]);
  return pairs;
}

/** As nginx escapes, and DEL, which Node sends in no header. Octets beyond ASCII stay as they are. */
function asNginxEscapes(text: string): string {
  return text.replace(/[\x00-\x20%\x7f]/g, (octet) => {
    return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
