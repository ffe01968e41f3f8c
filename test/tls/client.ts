/**
 * Clients of the gateway under TLS, over a socket that the test can still reach underneath; and what is in front of a
 * sample maildrop when clients speak TLS.
 */

import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { createDemoServer, type DemoOptions } from "../../src/demo/server";
import { authority, type Certified, certified } from "../stage/certificates";
import { Peer } from "../stage/peer";
import { type Listener, startGateway, type TlsGateway } from "./gateway";

export interface Secured {
  /** What is said under TLS. */
  readonly peer: Peer;
  readonly tls: TLSSocket;
  /** The connection below. */
  readonly raw: Peer;
}

/** Goes on under TLS. @param options as for tls.connect; default: the authority of the tests is trusted */
export async function secure(raw: Peer, options: ConnectionOptions = {}): Promise<Secured> {
  raw.socket.removeAllListeners("data");
  const settings = { ca: certifiedBy(), servername: "localhost", ...options };
  const tls = connect({ ...settings, socket: raw.socket });
  const secured = Promise.race([
    once(tls, "secureConnect"),
    once(tls, "end").then(() => Promise.reject(new Error("closed in the handshake"))),
    once(tls, "close").then(() => Promise.reject(new Error("closed in the handshake"))),
  ]);
  const peer = new Peer(tls);
  await secured;
  return { peer, tls, raw };
}

/** Connects to a /tls listener. */
export async function connectSecure(t: TestContext, port: number, options?: ConnectionOptions): Promise<Secured> {
  return secure(await connectPlain(t, port), options);
}

/** Connects to a /starttls listener, and goes on under TLS after STLS. */
export async function connectStls(t: TestContext, port: number, options?: ConnectionOptions): Promise<Secured> {
  const raw = await connectPlain(t, port);
  await raw.line();
  await raw.say("STLS");
  await raw.expect("+OK begin TLS negotiation\r\n");
  return secure(raw, options);
}

/** Connects in clear. */
export async function connectPlain(t: TestContext, port: number): Promise<Peer> {
  const peer = await Peer.connect(port);
  t.after(() => peer.socket.destroy());
  return peer;
}

/** A session in TRANSACTION on a /tls listener. */
export async function loginSecure(t: TestContext, port: number, options?: ConnectionOptions): Promise<Secured> {
  const secured = await connectSecure(t, port, options);
  await secured.peer.expect("+OK POP3 server ready\r\n");
  await logIn(secured.peer);
  return secured;
}

let users = 0;

/** Logs in as somebody new, whose maildrop nobody else has open; the answers must be positive. */
export async function logIn(peer: Peer): Promise<void> {
  await peer.say(`USER joe${++users}`);
  await peer.expect("+OK password required\r\n");
  await peer.say("PASS demo");
  await peer.expect("+OK");
  await peer.line();
}

/** The options for certificates towards clients. */
export function withCertificates(...certificates: readonly Pick<Certified, "certFile" | "keyFile">[]): string[] {
  return certificates.flatMap(({ certFile, keyFile }) => ["--tls-cert", certFile, "--tls-key", keyFile]);
}

/** A gateway in front of a maildrop of its own, with a good certificate unless the options name one. */
export async function startHouse(
  t: TestContext,
  listeners: readonly Listener[],
  options: readonly string[] = [],
  demo: DemoOptions = {},
): Promise<TlsGateway> {
  const server = createDemoServer(demo);
  t.after(() => server.close());
  const port = await server.listen();
  const own = options.includes("--tls-cert") ? [] : withCertificates(certified("good"));
  return startGateway(t, listeners, ...own, ...options, `127.0.0.1:${port}`);
}

/** A certificate's octets, as a client gets to see them. */
export function rawOf({ cert }: Pick<Certified, "cert">): Buffer {
  return new X509Certificate(cert).raw;
}

function certifiedBy(): Buffer {
  return readFileSync(authority());
}
