/** Kinds of values of the file of --oauth. Each throws what to give instead. */

import { isLoopback, POP3S_PORT } from "../base/address";
import { parseServer } from "./places";
import type { ServerAddress } from "./settings";

/** A text with something in it. */
export function notEmpty(given: string): string {
  if (given === "" || /[\x00-\x1f\x7f]/.test(given)) throw new Error("give a text without control characters");
  return given;
}

/** The name of a provider. */
export function providerName(given: string): string {
  if (!/^[A-Za-z0-9._-]{1,32}$/.test(given)) throw new Error("give letters, digits, -, . and _, at most 32");
  return given;
}

/** One of some words, as what it stands for. */
export function choiceOf<Value>(choices: Readonly<Record<string, Value>>): (given: string) => Value {
  return (given) => {
    if (Object.hasOwn(choices, given)) return choices[given] as Value;
    throw new Error(`give one of ${Object.keys(choices).join(", ")}`);
  };
}

/** A token opens the mailbox, so it goes through TLS, or stays on this machine. */
export function secureServer(given: string): ServerAddress {
  let server: ServerAddress;
  try {
    server = parseServer(given);
  } catch {
    throw new Error("give a server, as host[:port][/tls|/starttls]");
  }
  const secure = server.port === POP3S_PORT || (server.tls ?? "none") !== "none" || isLoopback(server.host);
  if (!secure) throw new Error("a token needs TLS: give port 995, or /tls or /starttls behind the server");
  return server;
}

/** A client's secret and its tokens go there, so it is https, or this machine. */
export function secureUrl(given: string): string {
  if (!URL.canParse(given)) throw new Error("give a URL, such as https://login.example.org/token");
  const { protocol, hostname, username, hash, href } = new URL(given);
  if (username !== "" || hash !== "") throw new Error("give a URL without a user and without #");
  if (protocol === "https:" || (protocol === "http:" && isLoopback(hostname.replace(/^\[|\]$/g, "")))) return href;
  throw new Error("give a URL with https; http is for this machine's own addresses alone");
}
