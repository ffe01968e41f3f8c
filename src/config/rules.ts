/**
 * From options to settings, and the rules between settings. An option that would protect, or that names something to be
 * used, is a fault where it has no effect, so that nobody relies on a protection that does not exist. An option that only
 * says how something is done, such as --acp-timeout, may stand without it.
 */

import { isIPv4 } from "node:net";
import type { Options } from "./options";
import {
  type AccessSettings,
  type AuthHttpSettings,
  type CertificateFiles,
  type ClientSettings,
  FIXED_LIMITS,
  LEAST_QUIT,
  type MetricsSettings,
  type ScanSettings,
  type ServerSettings,
  type Service,
  type Settings,
  type TlsMode,
} from "./settings";
import { faultOfServerTls, faultOfTls } from "./tlsrules";

/** Where clamd listens, if no option says it (clamd.conf(5), TCPSocket). */
const CLAMD = { host: "127.0.0.1", port: 3310 };

/** A fault in the command line; the message is one line for the person who typed it. */
export class UsageFault extends Error {}

/** The settings that the options mean. @throws UsageFault if options contradict each other, or one has no effect */
export function settingsOf(options: Options): Settings {
  return settingsWith(options, [serviceOf(options)]);
}

/** The settings of a process with these services. @param options those of the process */
export function settingsWith(options: Options, services: Settings["services"]): Settings {
  const { user, foreground, pidfile, drain, debug, brief, syslog, facility, logFormat: format } = options;
  return {
    process: { user, foreground, pidfile, drain, metrics: metricsOf(options) },
    log: { debug, brief, syslog, facility, format },
    services,
  };
}

function metricsOf({ metrics, metricsToken: tokenFile }: Options): MetricsSettings | undefined {
  if (metrics) return { ...metrics, tokenFile };
  if (tokenFile !== undefined) throw new UsageFault("--metrics-token needs --metrics");
  return undefined;
}

/** Whether the settings have listeners; else a superserver passes the clients. */
export function isDaemon({ services }: Settings): boolean {
  return services.some(({ listen }) => listen.length > 0);
}

/**
 * The settings of one service.
 *
 * @param name of a service of a configuration file
 * @throws UsageFault if options contradict each other, or one has no effect
 */
export function serviceOf(options: Options, name?: string): Service {
  const { listen, greeting, capa, utf8, mechanisms, select, demo, defaultServers, servers, map, oauth } = options;
  const service: Service = {
    ...(name !== undefined && { name }),
    listen,
    clients: clientsOf(options),
    servers: serversOf(options),
    access: accessOf(options),
    scan: scanOf(options),
    limits: {
      ...FIXED_LIMITS,
      inactivity: options.timeout,
      login: options.loginTimeout,
      server: options.serverTimeout,
      quit: Math.max(options.serverTimeout, LEAST_QUIT),
      sessions: options.maxSessions,
      perClient: options.maxPerClient,
      exempt: options.exempt,
    },
    dialogue: {
      greeting,
      // Who offers STLS (RFC 2595, 4), AUTH (RFC 5034, 3) or UTF8 (RFC 6856, 2) lists it in CAPA, on all listeners.
      capa: capa || utf8 || mechanisms.length > 0 || modesOf(options).includes("starttls"),
      mechanisms,
      utf8,
    },
  };
  const named = defaultServers.length > 0;
  if (demo && named) throw new UsageFault("--demo brings its own server: leave the operand out");
  const listenersHave = listen.length > 0 && listen.every((one) => one.servers);
  const { authHttp } = service.access;
  if (!demo && !named && !listenersHave && !select && map === undefined && !authHttp && oauth === undefined) {
    throw new UsageFault(
      "no server: name one, such as mail.example.org, or say what selects it: -e, --map, --oauth, or -a with a URL",
    );
  }
  if (servers && !select) throw new UsageFault("-s needs -e");
  const proxied = faultOfProxy(options);
  if (proxied !== null) throw new UsageFault(proxied);
  const far = faultOfVia(options);
  if (far !== null) throw new UsageFault(far);
  const fault = (saysHow(options) ? faultOfTls(service, modesOf(options)) : null) ?? faultOfServerTls(service);
  if (fault !== null) throw new UsageFault(fault);
  return service;
}

/** The fault in what stands beside --via or --ssh, in one line; null: none. */
function faultOfVia({ via, ssh, select, servers, demo, sources }: Options): string | null {
  if (via && ssh !== undefined) return "--via and --ssh exclude each other";
  if (!via && ssh === undefined) return null;
  const option = via ? "--via" : "--ssh";
  if (demo) return `--demo is of no use beside ${option}`;
  if (sources.length > 0) return `-q is of no use beside ${option}: the command makes the connection`;
  // The far side looks the name up, so its addresses can't be checked here.
  if (select && !servers) return `${option} with -e needs -s: the servers that may be reached from the far side`;
  return null;
}

/** The fault in the options of the PROXY protocol, in one line; null: none. */
function faultOfProxy({ listen, clientProxy, proxyFrom, sendProxy, demo, select }: Options): string | null {
  const expected = clientProxy || listen.some(({ proxy }) => proxy);
  if (expected && proxyFrom.length === 0) {
    return "PROXY headers need --proxy-from, which says who may send them, such as the load balancer's address";
  }
  if (!expected && proxyFrom.length > 0) {
    return "--proxy-from is of no use: no listener expects PROXY headers; write /proxy behind its port, or --client-proxy";
  }
  if (sendProxy !== undefined && demo && !select) return "--demo takes no PROXY header: leave --send-proxy out";
  return null;
}

/** The TLS modes of all listeners, as far as the options set them. */
function modesOf({ listen, clientTls }: Options): readonly TlsMode[] {
  return listen.length > 0 ? listen.map(({ tls }) => tls ?? "none") : [clientTls];
}

/** Whether the options alone set the TLS modes; a socket of systemd may set its mode by its name. */
function saysHow({ listen, clientTls }: Options): boolean {
  return listen.length > 0 || clientTls !== "none";
}

function clientsOf(options: Options): ClientSettings {
  const { clientTls, tlsCerts, tlsKeys, tlsMin, cleartextLogin, clientProxy, proxyFrom } = options;
  if (tlsCerts.length !== tlsKeys.length) throw new UsageFault("each --tls-cert needs its --tls-key");
  const certificates = tlsCerts.map((cert, index) => ({ cert, key: tlsKeys[index] as string }));
  return { tls: clientTls, certificates, tlsMin, cleartextLogin, proxy: clientProxy, proxyFrom };
}

function serversOf(options: Options): ServerSettings {
  const {
    defaultServers,
    demo,
    sources,
    pipelining,
    via,
    ssh,
    xclient,
    sendProxy,
    serverTls,
    serverCa,
    serverPins,
    serverTlsMin,
  } = options;
  return {
    defaultServers,
    demo,
    via,
    ssh,
    xclient,
    sendProxy,
    pipelining,
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

function accessOf(options: Options): AccessSettings {
  const { select, delimiters, servers, map, oauth, acp, acpTimeout: timeout, prefix, clientLog } = options;
  return {
    delimiters,
    selection: select ? { servers } : undefined,
    map,
    oauth,
    acp: acp && !("host" in acp) ? { argv: acp, timeout, prefix } : undefined,
    authHttp: authHttpOf(options),
    clientLog,
  };
}

function authHttpOf(options: Options): AuthHttpSettings | undefined {
  const { acp, acpTimeout: timeout, authHttpHeaders: headers, authHttpHeaderFile: headerFile } = options;
  if (acp && "host" in acp) return { ...acp, timeout, headers, ...(headerFile !== undefined && { headerFile }) };
  if (headers.length > 0) throw new UsageFault("--auth-http-header needs the URL of a service in -a");
  if (headerFile !== undefined) throw new UsageFault("--auth-http-header-file needs the URL of a service in -a");
  return undefined;
}

function scanOf({ scan, clamd, quarantine, scanOversize }: Options): ScanSettings | undefined {
  if (scan) return { clamd: clamd ?? CLAMD, quarantine, oversize: scanOversize ?? "refuse" };
  const given = { "--clamd": clamd, "--quarantine": quarantine, "--scan-oversize": scanOversize };
  const [useless] = Object.entries(given).filter(([, value]) => value !== undefined);
  if (useless) throw new UsageFault(`${useless[0]} needs -z`);
  return undefined;
}
