/** The rules of TLS: what the settings must say of it, and which of its options have no effect. */

import { isLoopback, POP3S_PORT } from "../base/address";
import { defaults } from "./options";
import type { ServerAddress, Service, TlsMode } from "./settings";

/**
 * The fault in the settings of TLS towards clients, in one line; null: none. If clients speak TLS, the settings must
 * say whether the server does, so that nobody relies on TLS where a part of the way is in clear.
 *
 * @param modes the TLS modes of all listeners
 */
export function faultOfTls(service: Service, modes: readonly TlsMode[]): string | null {
  const { clients, servers, access } = service;
  if (!modes.some((mode) => mode !== "none")) {
    const [useless] = [
      ...(clients.certificates.length > 0 ? ["--tls-cert"] : []),
      ...(clients.tlsMin !== defaults.tlsMin ? ["--tls-min"] : []),
    ];
    return useless ? `${useless} is of no use: no listener has TLS` : null;
  }
  if (clients.certificates.length === 0) return "TLS for clients needs --tls-cert and --tls-key";
  const { demo, tls } = servers;
  const named = namedServers(service);
  const sure = (one: ServerAddress) => isLoopback(one.host) || one.tls !== undefined || one.port === POP3S_PORT;
  const elsewhere = access.selection || access.map !== undefined || access.authHttp;
  // The servers of --oauth have TLS, or are near (secureServer of config/oauthvalues.ts).
  const fixed = demo || named.length > 0 || access.oauth !== undefined;
  const safe = !elsewhere && fixed && named.every(sure);
  if (tls !== undefined || safe) return null;
  return "clients speak TLS, so say with --server-tls how the server is spoken to: tls, starttls, or none";
}

/** All default servers, those of the listeners, too. */
export function namedServers({ listen, servers }: Pick<Service, "listen" | "servers">): readonly ServerAddress[] {
  return [...servers.defaultServers, ...listen.flatMap((one) => one.servers ?? [])];
}

/**
 * Whether some server may be spoken to under TLS: the default one, one that a client or the acp chooses on port 995, or
 * that of a provider.
 */
function maySpeakTls(service: Service): boolean {
  const { servers, access } = service;
  const { selection, map, oauth, acp, authHttp } = access;
  const chosen = [selection, map, oauth, acp, authHttp].some((one) => one !== undefined);
  const secure = (tls: TlsMode | undefined) => (tls ?? "none") !== "none";
  const named = namedServers(service).some(({ port, tls }) => port === POP3S_PORT || secure(tls));
  return secure(servers.tls) || chosen || named;
}

/** The fault in the settings of TLS towards servers, in one line; null: none. */
export function faultOfServerTls(service: Service): string | null {
  const { tls, ca, pins, certificate, tlsMin, demo } = service.servers;
  if (pins.length > 0 && namedServers(service).length === 0) return "--server-pin needs a fixed server";
  if (demo && !service.access.selection && service.access.map === undefined && (tls ?? "none") !== "none")
    return "--demo speaks no TLS";
  if (maySpeakTls(service)) return null;
  const [useless] = [
    ...(pins.length > 0 ? ["--server-pin"] : []),
    ...(ca !== undefined ? ["--server-ca"] : []),
    ...(certificate ? ["--server-cert"] : []),
    ...(tlsMin !== defaults.serverTlsMin ? ["--server-tls-min"] : []),
  ];
  return useless ? `${useless} is of no use: the server is spoken to in clear; say --server-tls` : null;
}
