/** What --check tells of the settings, before it tries them. */

import { placeOf } from "../access/routing";
import { showHostPort } from "../base/address";
import { command } from "../config/places";
import { isDaemon } from "../config/rules";
import type { ServerAddress, Service, Settings, TlsMode } from "../config/settings";
import { servers as allowed, networks } from "../config/values";
import { logWay, type Start } from "../log/open";
import { isRoot } from "../process/privileges";
import { metricsLines } from "./metricscheck";

/** How the gateway would be started: by a person or a service manager, or by a superserver. */
export function startOf(settings: Settings): Start {
  const { process: own, log } = settings;
  return { foreground: own.foreground || log.debug, stderrIsClient: !isDaemon(settings) };
}

/** The settings that decide where clients connect, and to which servers they get. */
export function summary(settings: Settings, file: string | undefined): string[] {
  const { process: own, services } = settings;
  return [
    ...(file === undefined ? [] : [`configuration: ${file}`]),
    ...services.flatMap((service) => {
      const about = service.name === undefined ? "" : `${service.name}: `;
      return summaryOf(service).map((line) => `${about}${line}`);
    }),
    ...metricsLines(settings),
    `runs as ${isRoot() ? own.user : "the user that starts it"}`,
    `log: ${logWay(settings.log, startOf(settings)).words}`,
  ];
}

function summaryOf({ listen, clients, servers, access }: Service): string[] {
  const shown = (list: readonly ServerAddress[]) =>
    list
      .map((one) => placeOf(one, servers.tls))
      .map(({ host, port, tls }) => `${showHostPort(host, port)}${shownTls(tls)}`)
      .join(", else ");
  const headers = (proxy: boolean | undefined) =>
    proxy ? ` behind PROXY headers from ${networks.show(clients.proxyFrom)}` : "";
  const places = listen.map(({ host, port, tls, proxy, servers: own }) => {
    const after = own ? `, to ${shown(own)}` : "";
    return `${showHostPort(host ?? "*", port)}${shownTls(tls ?? "none")}${headers(proxy)}${after}`;
  });
  const selectable = access.selection?.servers ? allowed.show(access.selection.servers) : "any that is public";
  return [
    places.length > 0
      ? `listens on ${places.join("; ")}`
      : `is started by a superserver${shownTls(clients.tls)}${headers(clients.proxy)}`,
    `default server: ${servers.demo ? "the sample maildrop" : shown(servers.defaultServers) || "none"}`,
    `servers that clients may select: ${access.selection ? selectable : "none"}`,
    ...(servers.sendProxy ? [`servers get a PROXY header, version ${servers.sendProxy}`] : []),
    ...(servers.via ? [`servers are reached through ${command.show(servers.via)}`] : []),
    ...(servers.ssh === undefined ? [] : [`servers are reached through ssh to ${servers.ssh}`]),
  ];
}

/** A TLS mode in words, behind a place. */
function shownTls(tls: TlsMode): string {
  return tls === "none" ? "" : tls === "tls" ? " with TLS" : " with STLS";
}
