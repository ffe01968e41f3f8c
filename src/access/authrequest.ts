/**
 * The headers of a request to an auth_http service, in nginx's order and with nginx's escapes, so that services written
 * for nginx understand it. The manual's section "Access Control by HTTP" says what differs.
 */

import { bracketed } from "../base/address";
import type { AuthHttpSettings } from "../config/settings";
import { withoutZone } from "../protocol/ipaddress";
import type { Route } from "../session/needs";
import type { AccessRequest } from "./admission";

/** Names and values by turns, latin1. */
export function requestHeaders(
  { host, headers }: Pick<AuthHttpSettings, "host" | "headers">,
  route: Route,
  about: AccessRequest,
): string[] {
  const { secret } = route;
  const sent = ["Host", hostHeader({ host })];
  sent.push("Auth-Method", secret.kind === "token" ? secret.mechanism.toLowerCase() : "plain");
  // Whoever has given the password: the user map may give several users one name at the server.
  sent.push("Auth-User", asNginxEscapes(route.givenUser ?? route.user));
  sent.push("Auth-Pass", asNginxEscapes(secret.kind === "token" ? secret.token : secret.password));
  sent.push("Auth-Protocol", "pop3");
  // A refused login ends the session.
  sent.push("Auth-Login-Attempt", "1");
  addWhence(sent, about);
  if (route.selected) sent.push("Auth-Server", route.host, "Auth-Server-Port", `${route.port}`);
  for (const { name, value } of headers) sent.push(name, value);
  return sent;
}

/** The value of Host. */
export function hostHeader({ host }: Pick<AuthHttpSettings, "host">): string {
  return bracketed(host);
}

/** Where the client is, and how it has connected. */
function addWhence(sent: string[], { client, clientPort, interface: to, tls, header }: AccessRequest): void {
  if (client !== "") sent.push("Client-IP", withoutZone(client));
  if (header?.kind === "client") {
    sent.push("Proxy-Protocol-Addr", header.from.address, "Proxy-Protocol-Port", `${header.from.port}`);
    sent.push("Proxy-Protocol-Server-Addr", header.to.address, "Proxy-Protocol-Server-Port", `${header.to.port}`);
  }
  if (tls) {
    sent.push("Auth-SSL", "on", "Auth-SSL-Protocol", asNginxEscapes(tls.version));
    if (tls.cipher !== "") sent.push("Auth-SSL-Cipher", asNginxEscapes(tls.cipher));
  }
  if (to.port) sent.push("Auth-Port", `${to.port}`);
  if (clientPort) sent.push("Client-Port", `${clientPort}`);
}

/** As nginx escapes, and DEL, which Node sends in no header. Octets beyond ASCII stay as they are. */
function asNginxEscapes(text: string): string {
  return text.replace(/[\x00-\x20%\x7f]/g, (octet) => {
    return `%${octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  });
}
