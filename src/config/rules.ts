/**
 * From options to settings, and what settings need of each other. Options that make no sense together are a fault, so
 * that nobody believes in a protection that is not there.
 */

import { isIPv4 } from "node:net";
import { POP3S_PORT } from "../base/address";
import { defaults, type Options } from "./options";
import {
  type AccessSettings,
  type CertificateFiles,
  type ClientSettings,
  DRAIN,
  FIXED_LIMITS,
  type ServerSettings,
  type Service,
  type Settings,
  type TlsMode,
} from "./settings";

/** The command line can't be run as it is; the message is one line for the person who typed it. */
export class UsageFault extends Error {}

/** @throws UsageFault if the options make no sense together */
export function settingsOf(options: Options): Settings {
  const { user, foreground, pidfile, debug, brief, syslog, facility } = options;
  return {
    process: { user, foreground, pidfile, drain: DRAIN },
    log: { debug, brief, syslog, facility },
    service: serviceOf(options),
  };
}

function serviceOf(options: Options): Service {
  const { listen, greeting, capa, select, demo, server, servers } = options;
  const service: Service = {
    listen,
    clients: clientsOf(options),
    servers: serversOf(options),
    access: accessOf(options),
    limits: {
      ...FIXED_LIMITS,
      inactivity: options.timeout,
      login: options.loginTimeout,
      sessions: options.maxSessions,
      perClient: options.maxPerClient,
      exempt: options.exempt,
    },
    // Who offers STLS has to answer CAPA, and then to everybody (RFC 2595, 4).
    replies: { greeting, capa: capa || modesOf(options).includes("starttls") },
  };
  if (demo && server) throw new UsageFault("--demo brings its own server: leave the operand out");
  if (!demo && !server && !select) throw new UsageFault("no server: name one, or let the client select it with -e");
  if (servers && !select) throw new UsageFault("-s needs -e");
  const fault = (saysHow(options) ? faultOfTls(service, modesOf(options)) : null) ?? faultOfServerTls(service);
  if (fault !== null) throw new UsageFault(fault);
  return service;
}

/** How TLS comes into the connections of clients, as far as the options say it. */
function modesOf({ listen, clientTls }: Options): readonly TlsMode[] {
  return listen.length > 0 ? listen.map(({ tls }) => tls ?? "none") : [clientTls];
}

/** Whether the options alone say how clients come in; systemd may say it by a socket's name. */
function saysHow({ listen, clientTls }: Options): boolean {
  return listen.length > 0 || clientTls !== "none";
}

function clientsOf({ clientTls, tlsCerts, tlsKeys, tlsMin, cleartextLogin }: Options): ClientSettings {
  if (tlsCerts.length !== tlsKeys.length) throw new UsageFault("each --tls-cert needs its --tls-key");
  const certificates = tlsCerts.map((cert, index) => ({ cert, key: tlsKeys[index] as string }));
  return { tls: clientTls, certificates, tlsMin, cleartextLogin };
}

function serversOf(options: Options): ServerSettings {
  const { server, demo, sources, serverTls, serverCa, serverPins, serverTlsMin } = options;
  return {
    server,
    demo,
    source4: sources.findLast((source) => isIPv4(source)),
    source6: sources.findLast((source) => !isIPv4(source)),
    tls: serverTls,
    ca: serverCa,
    pins: serverPins,
    certificate: serverCertificate(options),
    tlsMin: serverTlsMin,
  };
}

function serverCertificate({ serverCert: cert, serverKey: key }: Options): CertificateFiles | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) throw new UsageFault("--server-cert and --server-key need each other");
  return { cert, key };
}

function accessOf({ select, delimiters, servers, acp, acpTimeout, prefix, clientLog }: Options): AccessSettings {
  return {
    selection: select ? { delimiters, servers } : undefined,
    acp: acp && { argv: acp, timeout: acpTimeout, prefix },
    clientLog,
  };
}

/**
 * What is wrong with TLS as it was set; null: nothing. Nobody should believe that a connection is encrypted which is not.
 *
 * @param modes how TLS comes into the connections of clients, wherever they come in
 */
export function faultOfTls({ clients, servers, access }: Service, modes: readonly TlsMode[]): string | null {
  if (!modes.some((mode) => mode !== "none")) {
    return clients.certificates.length > 0 ? "--tls-cert is of no use: no client comes in by TLS" : null;
  }
  if (clients.certificates.length === 0) return "TLS for clients needs --tls-cert and --tls-key";
  const { server, demo, tls } = servers;
  const near = demo || (server !== undefined && /^(?:localhost|127\.[0-9.]+|::1)$/.test(server.host));
  const safe = !access.selection && (near || server?.port === POP3S_PORT);
  if (tls !== undefined || safe) return null;
  return "clients speak TLS, so say with --server-tls how the server is spoken to: tls, starttls, or none";
}

/** Whether some server may be spoken to under TLS: the default one, or one that a client or the acp chooses on port 995. */
function maySpeakTls({ servers, access }: Service): boolean {
  const chosen = access.selection !== undefined || access.acp !== undefined;
  return (servers.tls ?? "none") !== "none" || chosen || servers.server?.port === POP3S_PORT;
}

/** What is wrong with TLS to servers as it was set; null: nothing. */
function faultOfServerTls(service: Service): string | null {
  const { server, tls, ca, pins, certificate, tlsMin, demo } = service.servers;
  if (pins.length > 0 && !server) return "--server-pin needs a fixed server";
  if (demo && !service.access.selection && (tls ?? "none") !== "none") return "--demo speaks no TLS";
  if (maySpeakTls(service)) return null;
  const [useless] = [
    ...(pins.length > 0 ? ["--server-pin"] : []),
    ...(ca !== undefined ? ["--server-ca"] : []),
    ...(certificate ? ["--server-cert"] : []),
    ...(tlsMin !== defaults.serverTlsMin ? ["--server-tls-min"] : []),
  ];
  return useless ? `${useless} is of no use: the server is spoken to in clear; say --server-tls` : null;
}
