/** The kinds of values that name a place: a server, a listener, clamd, and what is on the way to a server. */

import { isIPv4 } from "node:net";
import { resolve } from "node:path";
import { bracketed, isAddress, parseHost, parseHostPort, parsePort, showHostPort } from "../base/address";
import { quote, withoutPassword } from "../base/quote";
import type { ClamdAddress, ListenAddress, MetricsAddress, ServerAddress, TlsMode } from "./settings";
import { refuseClearPop3s, splitMode } from "./tlsmodes";
import { type Kind, program, text } from "./values";

/** Where clamd listens: `host:port`, or the path of a socket. */
export const clamd: Kind<ClamdAddress> = {
  choices: "file",
  parse(given, folder = "") {
    if (given.includes("/") && !given.includes("://")) return { path: resolve(folder, given) };
    const { host, port = null } = parseHostPort(given) ?? {};
    if (host === undefined || port === null) throw new Error("give host:port, or the path of a socket");
    return { host, port };
  },
  show: (value) => ("path" in value ? value.path : showHostPort(value.host, value.port)),
};

/**
 * Comma-separated servers, each `host[:port][/tls|/starttls|/none]`, in the order in which they are tried; empty entries
 * are skipped.
 */
export const serverList: Kind<readonly ServerAddress[]> = {
  literal: "list",
  parse(given) {
    const entries = given.split(",").map((entry) => entry.trim());
    const list = entries.filter(Boolean).map(parseServer);
    if (list.length === 0) throw new Error("give a server, as host[:port]");
    return list;
  },
  show: (list) => list.map(showServerAddress).join(","),
};

/** A server as it is written. */
function showServerAddress({ host, port, tls }: ServerAddress): string {
  return `${port === null ? bracketed(host) : showHostPort(host, port)}${tls === undefined ? "" : `/${tls}`}`;
}

/** `host[:port][/tls|/starttls|/none]`. @throws Error that says what to give instead */
export function parseServer(given: string): ServerAddress {
  const { place, tls } = splitMode(given);
  const parsed = parseHostPort(place);
  if (parsed) {
    refuseClearPop3s(quote(given), parsed.port, tls);
    return { ...parsed, ...(tls && { tls }) };
  }
  const wrong = `${quote(withoutPassword(given))} is not a server`;
  const url = /^[a-z0-9+.-]+:\/\/(?:[^/@]*@)?([^/@]*)(.*)/i.exec(given);
  if (url) {
    // More "@" behind it: a password has a slash in it.
    const meant = url[1] && parseHostPort(url[1]) && !url[2]?.includes("@") ? `, such as ${quote(url[1])}` : "";
    throw new Error(`${wrong} but a URL: give host[:port]${meant}`);
  }
  if (/\/(?:ssl|stls|pop3s?|starttls|tls)$/i.test(given))
    throw new Error(`${wrong}: behind it may stand /tls, /starttls or /none`);
  if (given.includes("@")) throw new Error(`${wrong}: give host[:port] without a user`);
  if (isAddress(given)) throw new Error(`${wrong}: give an IPv6 address in brackets, [${given}]`);
  const port = /^[^:]+:([0-9]+)$/.exec(given)?.[1];
  if (port !== undefined && parsePort(port) === null) throw new Error(`${wrong}: a port is a number from 1 to 65535`);
  if (/^[^:]+:.*$/.test(given)) throw new Error(`${wrong}: give host[:port], a port is a number from 1 to 65535`);
  throw new Error(`${wrong}: give a name or an address, host[:port], an IPv6 address in brackets`);
}

/** `[interface:]port`. @param form all that may be given @throws Error that says so */
function interfaceAndPort(given: string, form: string): Pick<ListenAddress, "host" | "port"> {
  const [, six, other, digits] = /^(?:(?:\[([^\]]+)\]|([^:[\]/]+)):)?([0-9]+)$/.exec(given) ?? [];
  if (digits === undefined) throw new Error(`give ${form}, an IPv6 interface in brackets`);
  const port = parsePort(digits, true);
  if (port === null) throw new Error("give a port from 1 to 65535, or 0 for any free one");
  const named = six ?? other;
  const host = named === undefined ? null : parseHost(named);
  if (named !== undefined && host === null) throw new Error(`give ${form}, an interface as its address or name`);
  return { host, port };
}

const LISTEN = "[interface:]port[/tls|/starttls][/proxy][=server]";

/** `[interface:]port[/tls|/starttls][/proxy][=server,...]`; an IPv6 interface is written in brackets. */
export const listenAddress: Kind<ListenAddress> = {
  parse(text) {
    const [, before = "", , after] = /^([^=]*)(=(.*))?$/.exec(text) ?? [];
    const [, place = "", mode, proxy] = /^(.*?)(?:\/(tls|starttls|none))?(\/proxy)?$/.exec(before) ?? [];
    const own = interfaceAndPort(place, LISTEN);
    const tls = mode === "none" ? undefined : (mode as TlsMode | undefined);
    const servers = after === undefined ? undefined : serverList.parse(after);
    return { ...own, ...(tls && { tls }), ...(proxy && { proxy: true }), ...(servers && { servers }) };
  },
  show({ host, port, tls, proxy, servers }) {
    const before = host === null ? "" : `${bracketed(host)}:`;
    const after = servers === undefined ? "" : `=${serverList.show(servers)}`;
    return `${before}${port}${tls === undefined || tls === "none" ? "" : `/${tls}`}${proxy ? "/proxy" : ""}${after}`;
  },
};

/** Whether only one of these listeners can be opened. A name may have an address that is not known here. */
export function isSameListener(one: ListenAddress, other: ListenAddress): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  return one.host === other.host || isAnyOf(one.host, other.host) || isAnyOf(other.host, one.host);
}

/** Whether a host of a listener is all interfaces, this one among them. "::" is those of IPv4, too. */
function isAnyOf(host: string | null, one: string | null): boolean {
  return host === null || host === "::" || (host === "0.0.0.0" && isIPv4(one ?? ""));
}

/** Where metrics are served if no interface is given: not outside of this machine. */
const LOOPBACK = "127.0.0.1";

/** `[interface:]port`; an IPv6 interface is written in brackets. */
export const metricsAddress: Kind<MetricsAddress> = {
  parse(given) {
    const { host, port } = interfaceAndPort(given, "[interface:]port");
    return { host: host ?? LOOPBACK, port };
  },
  show: ({ host, port }) => showHostPort(host, port),
};

/** A command through which a server is reached: a program, and `%h`, `%p` and `%%` in its arguments. */
export const command: Kind<readonly string[]> = {
  ...program,
  parse(given, folder) {
    const words = program.parse(given, folder);
    const [odd] = given.replace(/%[hp%]/g, "").match(/%.?/) ?? [];
    if (odd !== undefined)
      throw new Error(`${quote(odd)} means nothing: %h is the server, %p its port, %% a percent sign`);
    return words;
  },
};

/** A host that ssh knows, perhaps with a user. It is never an option of ssh. */
export const sshHost: Kind<string> = {
  ...text,
  parse(given) {
    if (!/^(?:[A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9._:[][A-Za-z0-9._:[\]-]*$/.test(given)) {
      throw new Error("give [user@]host, or a Host of ssh's configuration");
    }
    return given;
  },
};
