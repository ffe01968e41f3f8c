/**
 * TLS to servers (SPEC section 6): chain and name are verified, or a pin takes their place, before anything is said.
 *
 * Files are read when this is made, while root may still have to; the context, which costs some milliseconds, is made
 * at the first use and serves all sessions. What a server gave for resumption is kept for it.
 */

import { createHash, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { isAddress, showHostPort } from "../base/address";
import type { Config } from "../config/settings";
import { matching, readPem } from "./pem";
import { versionOptions } from "./versions";

/** The system's bundle of authorities, where Debian, Red Hat and Alpine have it. */
const BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/** Servers whose sessions are kept for resumption. */
const SESSIONS_BOUND = 1000;

/** How long a server is believed without its certificate being looked at again, in milliseconds. */
const BELIEVED = 60 * 60 * 1000;

/** What a server gave for resumption, and until when, by Date.now(), it stands for the certificate that was verified. */
interface Resumable {
  readonly session: Buffer;
  readonly until: number;
}

/** A server as its certificate has to name it. */
export interface ServerName {
  /** The name that was asked for, or an address. */
  readonly host: string;
  readonly port: number;
}

export class ServerTls {
  readonly #pins: ReadonlySet<string>;
  readonly #options: Parameters<typeof createSecureContext>[0];
  readonly #sessions = new Map<string, Resumable>();
  #context: SecureContext | null = null;

  /** @throws Error in one line, with the file, if one can't be read or used */
  constructor({ serverCa, serverPins, serverCert, serverKey, serverTlsMin }: Config) {
    this.#pins = new Set(serverPins);
    this.#options = {
      ...versionOptions(serverTlsMin),
      ...authorities(serverCa),
      ...(serverCert !== null && { cert: readPem(serverCert) }),
      ...(serverKey !== null && { key: readPem(serverKey) }),
    };
    // What an administrator has named is tried at once, so that a fault in it is told at the start.
    if (serverCa !== null || serverCert !== null) this.#contextOf(serverCa ?? serverCert ?? "");
    const { ca, cert, key } = this.#options ?? {};
    // Node takes a file of authorities without a certificate in it for none at all.
    if (serverCa !== null && Buffer.isBuffer(ca)) named(serverCa, () => new X509Certificate(ca));
    if (Buffer.isBuffer(cert) && Buffer.isBuffer(key))
      named(`${serverCert} with ${serverKey}`, () => matching(cert, key));
  }

  /** Connects with TLS from the beginning. @param tcp where to: an address of that server */
  dial(tcp: ConnectionOptions, server: ServerName): TLSSocket {
    return this.#watched(connect({ ...tcp, ...this.#optionsFor(server) }), server);
  }

  /** Puts TLS over a connection that was begun in clear. */
  over(raw: Duplex, server: ServerName): TLSSocket {
    return this.#watched(connect({ host: server.host, ...this.#optionsFor(server), socket: raw }), server);
  }

  #optionsFor({ host, port }: ServerName): ConnectionOptions {
    const known = this.#sessions.get(showHostPort(host, port));
    const session = known && Date.now() < known.until ? known.session : null;
    return {
      secureContext: this.#contextOf(""),
      // An address is no server name (RFC 6066, 3); the certificate has to have it all the same.
      ...(!isAddress(host) && { servername: host }),
      rejectUnauthorized: this.#pins.size === 0,
      ...(session && { session }),
    };
  }

  /** Checks the pin as soon as the server is known, and keeps what it gives for resumption. */
  #watched(tls: TLSSocket, { host, port }: ServerName): TLSSocket {
    const name = showHostPort(host, port);
    let until = 0;
    tls.once("secureConnect", () => {
      // Whoever resumes goes on being believed, but not for longer.
      if (tls.isSessionReused()) until = this.#sessions.get(name)?.until ?? 0;
      else if (this.#pins.size === 0 || this.#pinned(tls)) until = this.#believed(tls);
      else tls.destroy(new Error("the server's public key is not the one that was pinned"));
    });
    tls.on("session", (session) => {
      if (Date.now() < until) this.#keep(name, { session, until });
    });
    return tls;
  }

  /** Until when this server need not be verified again: not beyond its certificate's last day, unless a pin counts. */
  #believed(tls: TLSSocket): number {
    const until = Date.now() + BELIEVED;
    const last = Date.parse(tls.getPeerX509Certificate()?.validTo ?? "");
    return this.#pins.size === 0 && last < until ? last : until;
  }

  #pinned(tls: TLSSocket): boolean {
    const key = tls.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
    return key !== undefined && this.#pins.has(createHash("sha256").update(key).digest("hex"));
  }

  #keep(server: string, resumable: Resumable): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, resumable);
    if (this.#sessions.size > SESSIONS_BOUND) this.#sessions.delete(this.#sessions.keys().next().value as string);
  }

  #contextOf(file: string): SecureContext {
    this.#context ??= named(file, () => createSecureContext(this.#options));
    return this.#context;
  }
}

/** The file that was named, else the system's bundle, else Node's own roots. */
function authorities(file: string | null): { ca?: Buffer } {
  if (file !== null) return { ca: readPem(file) };
  const bundle = [process.env.SSL_CERT_FILE, ...BUNDLES].find((one) => one && existsSync(one));
  return bundle ? { ca: readPem(bundle) } : {};
}

/** Does it, and names the file if it fails. */
function named<Result>(file: string, act: () => Result): Result {
  try {
    return act();
  } catch (thrown) {
    throw new Error(`${file}: ${(thrown as Error).message}`);
  }
}
