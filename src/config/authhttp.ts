/**
 * What `-a` takes: a program, or the URL of a service that speaks nginx's protocol auth_http; and the headers that such
 * a service gets besides.
 */

import { bracketed, parseHost, parsePort, showHostPort } from "../base/address";
import { quote } from "../base/quote";
import { hasControl } from "../protocol/octets";
import type { AuthHttpUrl, HttpHeader } from "./settings";
import { type Kind, program } from "./values";

const HTTP_PORT = 80;
const HTTPS_PORT = 443;

const FORM = "http://host[:port]/path, https://host[:port]/path, or unix:/socket:/path";

/** A program and its arguments, or the URL of a service. */
export const accessControl: Kind<readonly string[] | AuthHttpUrl> = {
  choices: "file",
  parse: (given, folder) => (/^(?:https?:|unix:)/i.test(given) ? parseUrl(given) : program.parse(given, folder)),
  show: (value) => ("host" in value ? showUrl(value) : program.show(value)),
};

function parseUrl(given: string): AuthHttpUrl {
  if (/[^!-~]/.test(given)) throw new Error(`give ${FORM}, without blanks and in ASCII`);
  const local = /^(?:http:\/\/)?unix:(\/[^:]*)(?::(\/.*)?)?$/i.exec(given);
  if (local) {
    return { secure: false, host: "localhost", port: HTTP_PORT, socket: `${local[1]}`, path: pathOf(local[2]) };
  }
  const parts = /^(https?):\/\/(?:\[([^\]]*)\]|([^:/?#@[\]]+))(?::([0-9]*))?([/?].*)?$/i.exec(given);
  if (/^https?:\/\/[^/?]*@/i.test(given)) {
    throw new Error("a URL with a user is not taken: give --auth-http-header 'Authorization: ...'");
  }
  const host = parseHost(parts?.[2] ?? parts?.[3] ?? "");
  const secure = parts?.[1]?.toLowerCase() === "https";
  const port = parts?.[4] === undefined ? (secure ? HTTPS_PORT : HTTP_PORT) : parsePort(parts[4]);
  if (!parts || host === null || port === null) throw new Error(`give ${FORM}`);
  return { secure, host, port, path: pathOf(parts[5]) };
}

function pathOf(given = "/"): string {
  const [path = ""] = given.split("#", 1);
  return path.startsWith("/") ? path : `/${path}`;
}

/** A URL as it is written. */
export function showUrl({ secure, host, port, socket, path }: AuthHttpUrl): string {
  if (socket !== undefined) return `unix:${socket}:${path}`;
  const usual = port === (secure ? HTTPS_PORT : HTTP_PORT);
  return `${secure ? "https" : "http"}://${usual ? bracketed(host) : showHostPort(host, port)}${path}`;
}

/** Headers that the gateway sends itself, or that are part of how HTTP is framed. */
const OWN = new RegExp(
  `^(?:host|connection|keep-alive|upgrade|te|trailer|expect|content-length|transfer-encoding
  |auth-(?:method|user|pass|salt|protocol|login-attempt|port|server|server-port|ssl(?:-.*)?)
  |client-(?:ip|port|host)|proxy-protocol-.*)$`.replace(/\s+/g, ""),
  "i",
);

/** `name: value` of a header. The value may be a secret, so no message has it. */
export const httpHeader: Kind<HttpHeader> = {
  parse(given) {
    const [, name = "", text = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(given) ?? [];
    const value = Buffer.from(text).toString("latin1");
    if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) || value === "" || hasControl(value)) {
      throw new Error("give a header as 'name: value'");
    }
    if (OWN.test(name)) throw new Error(`${quote(name)} is a header that the gateway sends itself`);
    return { name, value };
  },
  show: ({ name, value }) => `${name}: ${Buffer.from(value, "latin1").toString()}`,
};
