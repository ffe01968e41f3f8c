/**
 * TLS to servers: chain and name are verified, or a pin takes their place, before anything is said (the manual's section
 * "TLS").
 *
 * Files are read when this is made, while root may still have to; the context, which costs some milliseconds, is made
 * at the first use and serves all sessions. What a server gave for resumption is kept for it.
 */

import { createHash, X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { isAddress, showHostPort } from "../base/address";
import { Recent } from "../base/recent";
import type { ServerSettings } from "../config/settings";
import { matching, naming, readPem } from "./pem";
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
  readonly #sessions = new Recent<Resumable>(SESSIONS_BOUND, BELIEVED);
  readonly #files: readonly string[];
  #made: SecureContext | null = null;

  /** @throws Error in one line, with the file, if one can't be read or used */
  constructor({ ca, pins, certificate, tlsMin }: ServerSettings) {
    this.#pins = new Set(pins);
    this.#files = [...(ca === undefined ? [] : [ca]), ...(certificate ? [certificate.cert, certificate.key] : [])];
    this.#options = {
      ...versionOptions(tlsMin),
      ...authorities(ca),
      ...(certificate && { cert: readPem(certificate.cert), key: readPem(certificate.key) }),
    };
    // What an administrator has named is tried at once, so that a fault in it is told at the start.
    if (this.#files.length > 0) naming(this.#files[0] as string, () => this.#context);
    const read = this.#options ?? {};
    // Node takes a file of authorities without a certificate in it for none at all.
    if (ca !== undefined) naming(ca, () => new X509Certificate(read.ca as Buffer));
    if (certificate) {
      const names = `${certificate.cert} with ${certificate.key}`;
      naming(names, () => matching(read.cert as Buffer, read.key as Buffer));
    }
  }

  /** The files that were read, but for the system's. */
  get files(): readonly string[] {
    return this.#files;
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
      secureContext: this.#context,
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
      if (Date.now() < until) this.#sessions.set(name, { session, until });
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

  /** One for all sessions, made at the first use. */
  get #context(): SecureContext {
    this.#made ??= createSecureContext(this.#options);
    return this.#made;
  }
}

/** The file that was named, else the system's bundle, else Node's own roots. */
function authorities(file: string | undefined): { ca?: Buffer } {
  if (file !== undefined) return { ca: readPem(file) };
  const bundle = [process.env.SSL_CERT_FILE, ...BUNDLES].find((one) => one && existsSync(one));
  return bundle ? { ca: readPem(bundle) } : {};
}
