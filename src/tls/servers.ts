/**
 * TLS towards servers: the server's chain and name, or its pin, are verified before the gateway sends any command (the
 * manual's section "TLS").
 *
 * The constructor reads the files, before root is dropped. One context, which takes some milliseconds to make, is made
 * at the first use and serves all sessions. TLS sessions are kept for resumption, by server.
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

/** The files of the system's authorities on Debian, Red Hat and Alpine. */
const BUNDLES = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];

/** The most servers whose TLS sessions are kept for resumption. */
const SESSIONS_BOUND = 1000;

/** How long TLS sessions may be resumed before the certificate is verified again, in milliseconds. */
const VERIFIED_AGE = 60 * 60 * 1000;

/** A TLS session to resume, which stands for the verified certificate until the time `until`, by Date.now(). */
interface Resumable {
  readonly session: Buffer;
  readonly until: number;
}

/** The server that is connected to; its certificate must have the name. */
export interface ServerName {
  /** The name that was looked up, or an address. */
  readonly host: string;
  readonly port: number;
}

/** TLS towards all servers of one service. */
export class ServerTls {
  readonly #pins: ReadonlySet<string>;
  readonly #options: Parameters<typeof createSecureContext>[0];
  readonly #sessions = new Recent<Resumable>(SESSIONS_BOUND, VERIFIED_AGE);
  readonly #files: readonly string[];
  #made: SecureContext | null = null;

  /** @throws Error in one line, with the file, if a file can't be read or used */
  constructor({ ca, pins, certificate, tlsMin }: ServerSettings) {
    this.#pins = new Set(pins);
    this.#files = [...(ca === undefined ? [] : [ca]), ...(certificate ? [certificate.cert, certificate.key] : [])];
    this.#options = {
      ...versionOptions(tlsMin),
      ...authorities(ca),
      ...(certificate && { cert: readPem(certificate.cert), key: readPem(certificate.key) }),
    };
    // Files that the settings name are tried now, so that a fault in them prevents the start.
    if (this.#files.length > 0) naming(this.#files[0] as string, () => this.#context);
    const read = this.#options ?? {};
    // Node accepts a file of authorities without a certificate, and then trusts none.
    if (ca !== undefined) naming(ca, () => new X509Certificate(read.ca as Buffer));
    if (certificate) {
      const names = `${certificate.cert} with ${certificate.key}`;
      naming(names, () => matching(read.cert as Buffer, read.key as Buffer));
    }
  }

  /** The files that were read, without the system's authorities. */
  get files(): readonly string[] {
    return this.#files;
  }

  /** Connects with TLS from the beginning. @param tcp the options of node:net, with an address of the server */
  dial(tcp: ConnectionOptions, server: ServerName): TLSSocket {
    return this.#verified(connect({ ...tcp, ...this.#optionsFor(server) }), server);
  }

  /** Puts TLS over a connection that began in clear. */
  over(raw: Duplex, server: ServerName): TLSSocket {
    return this.#verified(connect({ host: server.host, ...this.#optionsFor(server), socket: raw }), server);
  }

  #optionsFor({ host, port }: ServerName): ConnectionOptions {
    const known = this.#sessions.get(showHostPort(host, port));
    const session = known && Date.now() < known.until ? known.session : null;
    return {
      secureContext: this.#context,
      // An address is no server name (RFC 6066, 3). Node checks that the certificate has the address all the same.
      ...(!isAddress(host) && { servername: host }),
      rejectUnauthorized: this.#pins.size === 0,
      ...(session && { session }),
    };
  }

  /** Checks the pin at the end of the handshake, and keeps the server's TLS sessions for resumption. */
  #verified(tls: TLSSocket, { host, port }: ServerName): TLSSocket {
    const name = showHostPort(host, port);
    let until = 0;
    tls.once("secureConnect", () => {
      // A resumed session keeps the time of the first one's verification.
      if (tls.isSessionReused()) until = this.#sessions.get(name)?.until ?? 0;
      else if (this.#pins.size === 0 || this.#pinned(tls)) until = this.#verifiedUntil(tls);
      else tls.destroy(new Error("the server's public key is not the one that was pinned"));
    });
    tls.on("session", (session) => {
      if (Date.now() < until) this.#sessions.set(name, { session, until });
    });
    return tls;
  }

  /** Until when sessions may be resumed, by Date.now(): without a pin not beyond the certificate's last day. */
  #verifiedUntil(tls: TLSSocket): number {
    const until = Date.now() + VERIFIED_AGE;
    const last = Date.parse(tls.getPeerX509Certificate()?.validTo ?? "");
    return this.#pins.size === 0 && last < until ? last : until;
  }

  /** Whether the SHA-256 of the server's public key (SPKI) is a pin. */
  #pinned(tls: TLSSocket): boolean {
    const key = tls.getPeerX509Certificate()?.publicKey.export({ type: "spki", format: "der" });
    return key !== undefined && this.#pins.has(createHash("sha256").update(key).digest("hex"));
  }

  /** The context of all sessions, made at the first use. */
  get #context(): SecureContext {
    this.#made ??= createSecureContext(this.#options);
    return this.#made;
  }
}

/** The authorities of --server-ca, else those of SSL_CERT_FILE, else the system's; none: Node's own are used. */
function authorities(file: string | undefined): { ca?: Buffer } {
  if (file !== undefined) return { ca: readPem(file) };
  const bundle = [process.env.SSL_CERT_FILE, ...BUNDLES].find((one) => one && existsSync(one));
  return bundle ? { ca: readPem(bundle) } : {};
}
